import type { LabelEncoder } from './label-encoder.js'

/** The encoder of the labels, opened when it is first asked for. */
export interface LazyLabelEncoder {
  get(): Promise<LabelEncoder>
  /** The one that is open or being opened. */
  readonly opened: Promise<LabelEncoder> | undefined
  /** Frees the one that is open; the next call of `get` opens another. */
  close(): Promise<void>
}

export function lazyLabelEncoder(open: () => Promise<LabelEncoder>): LazyLabelEncoder {
  let opened: Promise<LabelEncoder> | undefined
  return {
    get() {
      if (opened !== undefined) return opened
      const opening = open()
      // A failure is not kept: the next call tries again.
      opening.catch(() => {
        if (opened === opening) opened = undefined
      })
      opened = opening
      return opening
    },
    get opened() {
      return opened
    },
    async close() {
      const closing = opened
      opened = undefined
      await (await closing?.catch(() => undefined))?.dispose()
    },
  }
}
