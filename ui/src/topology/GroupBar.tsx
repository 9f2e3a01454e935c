import { Icon } from '../design/Icon.tsx'
import type { GroupId, Grouping } from './grouping.ts'

/** By what the graph is grouped, which groups are open, and how what stands for a closed one is to be read. */
export function GroupBar(props: {
  attribute: string
  grouping: Grouping
  /** All groups that the graph has. */
  groups: readonly GroupId[]
  open: ReadonlySet<string>
  /** Not all services could be asked for their group. */
  more: boolean
  onOpen: (groups: readonly GroupId[]) => void
  onUngroup: () => void
}) {
  const { attribute, grouping, groups, open, more, onOpen, onUngroup } = props
  const opened = groups.filter((group) => open.has(group))
  return (
    <div className="topology-filter topology-groups">
      <Chip muted="Grouped by" name={attribute} remove="Remove the groups" onRemove={onUngroup} />
      {opened.map((group) => (
        <Chip
          key={group}
          muted="Open:"
          name={grouping.name(group)}
          remove={`Close ${grouping.name(group)}`}
          onRemove={() => onOpen(opened.filter((other) => other !== group))}
        />
      ))}
      {opened.length < groups.length && (
        <button type="button" className="button button-quiet" onClick={() => onOpen(groups)}>
          Open all
        </button>
      )}
      {opened.length > 1 && (
        <button type="button" className="button button-quiet" onClick={() => onOpen([])}>
          Close all
        </button>
      )}
      <span className="muted topology-note">
        A group adds up the requests of its services, those between them too. ≤: its percentile is at most this, the
        highest of its parts. A service with several values is where most of its spans are.
        {more && ' Of the services with most spans; all others count as without it.'}
      </span>
    </div>
  )
}

function Chip(props: { muted: string; name: string; remove: string; onRemove: () => void }) {
  return (
    <span className="chip" title={props.name}>
      <bdi className="cut">
        <span className="muted">{props.muted}</span> {props.name}
      </bdi>
      <button type="button" className="chip-remove" aria-label={props.remove} onClick={props.onRemove}>
        <Icon name="close" size={12} />
      </button>
    </span>
  )
}
