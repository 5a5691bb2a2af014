/** Why a template is unusable (`syntax`), cannot be rendered (`failed`), or says no itself (`refused`). */
export type FailureKind = 'syntax' | 'failed' | 'refused'

/** What stops a template. The line is filled in where it is known. */
export class TemplateFailure extends Error {
  /** Counted from 1. */
  line: number | undefined
  readonly kind: FailureKind

  constructor(message: string, kind: FailureKind = 'failed', line?: number) {
    super(message)
    this.kind = kind
    this.line = line
  }
}
