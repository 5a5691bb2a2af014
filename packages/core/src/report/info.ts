import { channel } from 'node:diagnostics_channel'
import { printable } from '../errors/quote.js'

/** The `node:diagnostics_channel` on which the library says what is worth a line in a log and is no warning. */
export const INFO_CHANNEL = 'hfquant.info'

/** What the channel carries. */
export interface InfoEvent {
  /** One sentence, without a full stop or control characters. */
  readonly message: string
}

const info = channel(INFO_CHANNEL)

/** Nothing is printed unless the application subscribes. */
export function publishInfo(message: string): void {
  info.publish({ message: printable(message) } satisfies InfoEvent)
}
