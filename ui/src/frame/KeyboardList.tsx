import { Dialog } from '@base-ui/react/dialog'
import { useState } from 'react'
import { Icon } from '../design/Icon.tsx'
import { useKeys } from './keys.ts'

const groups: readonly { title: string; keys: readonly (readonly [readonly string[], string])[] }[] = [
  {
    title: 'Everywhere',
    keys: [
      [['/'], 'To the query or the search'],
      [['t'], 'Time range'],
      [['o'], 'Open a trace by its id'],
      [['r'], 'Refresh'],
      [['z'], 'Zoom out: twice the time'],
      [['1', '2', '3'], 'Traces, services, topology'],
      [['esc'], 'Close, clear, go back'],
      [['?'], 'This list'],
    ],
  },
  {
    title: 'Lists',
    keys: [
      [['j', 'k'], 'Next and previous'],
      [['enter'], 'Open'],
      [['c'], 'Compare two traces: press it on each'],
    ],
  },
  {
    title: 'Query in TraceQL',
    keys: [
      [['enter'], 'Ask'],
      [['⇧ enter'], 'A new line'],
      [['tab'], 'Take a suggestion, the first if none is picked'],
      [['ctrl space'], 'What may be written here'],
    ],
  },
  {
    title: 'One trace',
    keys: [
      [['j', 'k'], 'Next and previous span'],
      [['[', ']'], 'Collapse and expand'],
      [['{', '}'], 'Collapse and expand all'],
      [['e', 'E'], 'Next and previous error'],
      [['c'], 'Critical path'],
      [['n', 'N'], 'Next and previous match'],
      [['w', 'l', 's', 'g'], 'Waterfall, flame graph, statistics, call graph'],
      [['x'], 'Fold runs of the same call, or open all'],
      [['f'], 'Fit the time axis to the span, or fill the flame graph'],
      [['0'], 'The whole trace'],
    ],
  },
  {
    title: 'Compared traces',
    keys: [[['d'], 'Only what differs']],
  },
]

export function KeyboardList() {
  const [open, setOpen] = useState(false)
  // Opened by a key there is no button to go back to.
  const [byKey, setByKey] = useState(false)
  useKeys({
    '?': () => {
      setByKey(true)
      setOpen(true)
    },
  })
  return (
    <Dialog.Root
      open={open}
      onOpenChange={(next) => {
        if (next) setByKey(false)
        setOpen(next)
      }}
    >
      <Dialog.Trigger className="button button-quiet button-icon" aria-label="Keyboard" title="Keyboard (?)">
        <Icon name="keyboard" />
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="dialog-backdrop" />
        <Dialog.Popup className="dialog" finalFocus={!byKey}>
          <Dialog.Title className="dialog-title">Keyboard</Dialog.Title>
          <div className="keyboard">
            {groups.map(({ title, keys }) => (
              <section key={title}>
                <h3 className="keyboard-title">{title}</h3>
                <dl className="keyboard-keys">
                  {keys.map(([names, meaning]) => (
                    <div key={meaning}>
                      <dt>
                        {names.map((name) => (
                          <kbd key={name} className="kbd">
                            {name}
                          </kbd>
                        ))}
                      </dt>
                      <dd>{meaning}</dd>
                    </div>
                  ))}
                </dl>
              </section>
            ))}
          </div>
          <Dialog.Close className="button button-quiet button-icon keyboard-close" aria-label="Close">
            <Icon name="close" />
          </Dialog.Close>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
