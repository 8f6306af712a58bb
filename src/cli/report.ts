/** What a verb says, before anybody decided how it looks. */

/** How a cell is meant; only a terminal shows it. */
export type Tone = 'good' | 'warn' | 'bad' | 'dim'
export type Cell = string | { readonly text: string; readonly tone: Tone }

export interface Column {
  /** In upper case, as it is printed. */
  readonly title: string
  /** Only with `-o wide`. */
  readonly wide?: boolean
}

export interface Table {
  readonly columns: readonly Column[]
  /** As many cells as columns, in each row. */
  readonly rows: readonly (readonly Cell[])[]
}

/** A part of a report. `title` stands on a line of its own above it. */
export type Block =
  | { readonly kind: 'table'; readonly title?: string; readonly table: Table; readonly ifEmpty?: string }
  | { readonly kind: 'lines'; readonly title?: string; readonly lines: readonly (readonly Cell[])[] }

export interface Report {
  readonly blocks: readonly Block[]
  /** The same as JSON, for `-o json` and `-o yaml`. */
  readonly value: unknown
  /** `resource.group/name` of each object, for `-o name`; absent where the report is about no list of objects. */
  readonly names?: readonly string[]
  /** For standard error: what kubectl says about an empty list, or a remark. */
  readonly note?: string
}

/** How a verb ends. `misuse` is the caller's mistake (code 2), `trouble` a sentence for standard error (code 1). */
export type Outcome =
  | { readonly kind: 'report'; readonly code: 0 | 1; readonly report: Report }
  | { readonly kind: 'trouble'; readonly message: string }
  | { readonly kind: 'misuse'; readonly message: string }

export const trouble = (message: string): Outcome => ({ kind: 'trouble', message })
export const misuse = (message: string): Outcome => ({ kind: 'misuse', message })

export const toned = (text: string, tone: Tone | undefined): Cell => (tone === undefined || text === '' ? text : { text, tone })
