import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
  completionStatus,
  closeBrackets,
  closeBracketsKeymap,
  moveCompletionSelection,
  selectedCompletion,
  startCompletion,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, insertNewline } from '@codemirror/commands'
import { bracketMatching, HighlightStyle, LanguageSupport, LRLanguage, syntaxHighlighting } from '@codemirror/language'
import { Annotation, Compartment, EditorState, type Extension, Prec, StateEffect, StateField } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView, keymap, placeholder, tooltips } from '@codemirror/view'
import { parser } from '@grafana/lezer-traceql'
import { styleTags, tags } from '@lezer/highlight'
import type { Place } from '../../api/client.ts'
import { completable } from './place.ts'
import { suggest, type Known, type Suggested } from './suggest.ts'

export interface EditorOptions {
  /** An element with nothing in it, which becomes the host of a shadow tree. */
  readonly host: HTMLElement
  readonly text: string
  readonly label: string
  readonly placeholder: string
  /** Told of every change by the person who types. */
  readonly onChange: (text: string) => void
  /** Enter: with the text as it is now, of which `onChange` may have told a moment ago only. */
  readonly onAsk: (text: string) => void
  readonly known: Known
}

export interface Editor {
  /** Sets the text where it differs. */
  setText(text: string): void
  /** Underlines what is wrong; undefined for nothing. */
  setWrong(place: Place | undefined): void
  focus(selection?: { readonly from: number; readonly to: number }): void
  close(): void
}

const traceql = LRLanguage.define({
  name: 'traceql',
  parser: parser.configure({
    props: [
      styleTags({
        String: tags.string,
        'Integer Float Duration': tags.number,
        Static: tags.atom,
        IntrinsicField: tags.keyword,
        'Resource Span Event Link Instrumentation Parent': tags.namespace,
        'AttributeField/Identifier': tags.propertyName,
        'Aggregate MetricsOperationBasicType MetricsOverTimeType MetricsAggregatorFunctionType With': tags.function(
          tags.name,
        ),
        'FieldOp And Or Gt Desc Lt Anc Pipe ExperimentalOp UnionStructuralOp ComparisonOp ScalarOp': tags.operator,
      }),
    ],
  }),
  languageData: { closeBrackets: { brackets: ['(', '{', '"', '`'] } },
})

const colours = HighlightStyle.define([
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: [tags.number, tags.atom], color: 'var(--code-number)' },
  { tag: tags.keyword, color: 'var(--code-word)' },
  { tag: tags.function(tags.name), color: 'var(--code-word)' },
  { tag: tags.namespace, color: 'var(--text-muted)' },
  { tag: tags.operator, color: 'var(--text-muted)' },
])

// Custom properties reach into the shadow tree: one theme for light and dark.
const theme = EditorView.theme({
  '&': { fontSize: 'var(--text-small)', color: 'var(--text)', minHeight: 'var(--query-height)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: 'var(--space-5)', maxHeight: 'var(--query-most)' },
  '.cm-content': { padding: 'var(--space-3) 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 var(--space-2)' },
  '.cm-placeholder': { color: 'var(--text-faint)' },
  '&.cm-focused .cm-matchingBracket, &.cm-focused .cm-nonmatchingBracket': {
    backgroundColor: 'var(--bg-active)',
    color: 'inherit',
  },
  '.cm-wrong': { textDecoration: 'underline wavy var(--error)', textUnderlineOffset: '3px' },
  '.cm-tooltip': { border: 'none', background: 'none' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'var(--font-mono)',
    fontSize: 'var(--text-small)',
    background: 'var(--bg-raised)',
    borderRadius: 'var(--radius)',
    boxShadow: 'var(--shadow)',
    padding: 'var(--space-1)',
    minWidth: 'var(--popup-width)',
    maxWidth: 'min(95vw, calc(2 * var(--popup-width)))',
    maxHeight: '19em',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': {
    display: 'flex',
    gap: 'var(--space-4)',
    padding: 'var(--space-half) var(--space-2)',
    lineHeight: 'var(--space-5)',
    borderRadius: 'var(--radius-small)',
    color: 'var(--text)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    background: 'var(--bg-selected)',
    color: 'var(--text)',
  },
  '.cm-completionLabel': { overflow: 'hidden', textOverflow: 'ellipsis' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: 'var(--weight-bold)', color: 'var(--accent)' },
  '.cm-completionDetail': {
    marginInlineStart: 'auto',
    fontStyle: 'normal',
    fontFamily: 'var(--font)',
    color: 'var(--text-muted)',
    whiteSpace: 'nowrap',
  },
})

/** A change by the page, of which it need not be told. */
const fromOutside = Annotation.define<boolean>()
const setWrong = StateEffect.define<Place | undefined>()
const wrongMark = Decoration.mark({ class: 'cm-wrong' })
/** What is wrong, until the text is changed. */
const wrong = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, { docChanged, effects, newDoc }) {
    let next = docChanged ? Decoration.none : marks
    for (const effect of effects) {
      if (!effect.is(setWrong)) continue
      const from = Math.min(effect.value?.start ?? 0, newDoc.length)
      const to = Math.min(Math.max(effect.value?.end ?? 0, from + 1), newDoc.length)
      next = effect.value === undefined || from >= to ? Decoration.none : Decoration.set([wrongMark.range(from, to)])
    }
    return next
  },
  provide: (field) => EditorView.decorations.from(field),
})

/**
 * A field for a query in TraceQL, with colours and completion.
 *
 * It lives in a shadow tree: CodeMirror brings its styles along, which there are a constructed style sheet, while in the
 * document they would be a `<style>`, which the content security policy refuses.
 */
export function createEditor(options: EditorOptions): Editor {
  const { host, onChange, onAsk } = options
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  const validity = new Compartment()
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        keys(onAsk),
        history(),
        closeBrackets(),
        bracketMatching(),
        new LanguageSupport(traceql),
        syntaxHighlighting(colours),
        wrong,
        completion(options.known),
        tooltips({ position: 'fixed' }),
        EditorView.lineWrapping,
        placeholder(options.placeholder),
        theme,
        EditorView.contentAttributes.of({
          'aria-label': options.label,
          'aria-multiline': 'true',
          spellcheck: 'false',
          autocapitalize: 'off',
          autocorrect: 'off',
        }),
        validity.of([]),
        EditorView.updateListener.of(({ docChanged, transactions, state }) => {
          const isTyped = transactions.some((one) => one.annotation(fromOutside) !== true)
          if (docChanged && isTyped) onChange(state.doc.toString())
        }),
      ],
    }),
  })
  return {
    setText(text) {
      if (text === view.state.doc.toString()) return
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: text },
        selection: { anchor: text.length },
        annotations: fromOutside.of(true),
      })
    },
    setWrong(place) {
      const attributes = place === undefined ? [] : EditorView.contentAttributes.of({ 'aria-invalid': 'true' })
      view.dispatch({ effects: [setWrong.of(place), validity.reconfigure(attributes)] })
    },
    focus(selection) {
      view.focus()
      const { length } = view.state.doc
      const at = (place: number) => Math.min(place, length)
      if (selection) view.dispatch({ selection: { anchor: at(selection.from), head: at(selection.to) } })
    },
    close() {
      view.destroy()
    },
  }
}

/** Enter asks unless a suggestion was picked; Tab takes one, the first if none was picked. */
function keys(onAsk: (text: string) => void): Extension {
  const take = (view: EditorView): boolean => {
    if (completionStatus(view.state) !== 'active') return false
    if (selectedCompletion(view.state) === null) moveCompletionSelection(true)(view)
    return acceptCompletion(view)
  }
  return [
    Prec.highest(
      keymap.of([
        { key: 'Tab', run: take },
        {
          key: 'Enter',
          run(view) {
            if (!acceptCompletion(view)) onAsk(view.state.doc.toString())
            return true
          },
          shift: insertNewline,
        },
      ]),
    ),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
  ]
}

function completion(known: Known): Extension {
  return autocompletion({
    override: [(context) => complete(context, known)],
    // Enter is there to ask.
    selectOnOpen: false,
    interactionDelay: 0,
    icons: false,
    maxRenderedOptions: 100,
  })
}

async function complete(context: CompletionContext, known: Known): Promise<CompletionResult | null> {
  const text = context.state.doc.toString()
  const place = completable(text, context.pos)
  if (place === undefined) return null
  const typed = text.slice(place.from, context.pos)
  // While one types, a list that nothing was typed of comes only where there are names and values to choose from.
  if (!context.explicit && typed === '' && place.kind !== 'field' && place.kind !== 'value') return null
  const found = await suggest(place, typed, known)
  if (context.aborted || found.length === 0) return null
  return {
    from: place.from,
    to: Math.max(place.to, context.pos),
    options: found.map(optionOf),
    // The same list as long as the same thing is written.
    validFor: (_, from, __, state) => {
      const now = completable(state.doc.toString(), state.selection.main.head)
      return now !== undefined && now.kind === place.kind && now.from === from
    },
  }
}

function optionOf({ text, note, after }: Suggested, index: number): Completion {
  return {
    label: text,
    ...(note === undefined ? {} : { detail: note }),
    // Of matches that are about as good, the one that the list has first.
    boost: Math.max(0, 90 - index),
    apply(view, _, from, to) {
      // A closing quote that is there already is not written twice.
      const rest = view.state.sliceDoc(to, to + 1)
      const end = /^["`]/.test(text) && rest === text.at(-1) ? to + 1 : to
      const space = after === ' ' && view.state.sliceDoc(end, end + 1) === ' ' ? '' : (after ?? '')
      const insert = `${text}${space}`
      const skipped = after === ' ' && space === '' ? 1 : 0
      view.dispatch({
        changes: { from, to: end, insert },
        selection: { anchor: from + insert.length + skipped },
        userEvent: 'input.complete',
      })
      if (after !== undefined) startCompletion(view)
    },
  }
}
