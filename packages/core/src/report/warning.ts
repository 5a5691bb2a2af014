import { printable } from '../errors/quote.js'

/** Emits a warning of the process. Names from files in it are escaped: Node prints warnings as they are. */
export function publishWarning(message: string): void {
  process.emitWarning(printable(message), 'HfquantWarning')
}
