import { printable } from './quote.js'

const family: unique symbol = Symbol.for('hfquant.error.family')

/** What an error is about; every field that applies is filled in, so that a program need not read the message. */
export interface ErrorSubject {
  readonly file?: string | undefined
  readonly tensor?: string | undefined
  readonly module?: string | undefined
  readonly field?: string | undefined
  readonly found?: unknown
  readonly expected?: unknown
}

export interface ErrorOptions extends ErrorSubject {
  /** The next step for whoever reads the message. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/**
 * Base of every error that hfquant throws on purpose.
 *
 * `code` is stable and meant for programs, `message` says what was found and what was expected, `hint` says what to
 * do next; both are one line without control characters, whatever the files they quote from hold. `isInstance` works across two installed copies of a package, where `instanceof` does not.
 */
export class HfquantError extends Error implements ErrorSubject {
  static readonly family: string = 'hfquant'
  readonly code: string
  readonly hint: string | undefined
  readonly file: string | undefined
  readonly tensor: string | undefined
  readonly module: string | undefined
  readonly field: string | undefined
  readonly found: unknown
  readonly expected: unknown
  readonly [family]: string

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.hint = options.hint === undefined ? undefined : printable(options.hint)
    this.file = options.file
    this.tensor = options.tensor
    this.module = options.module
    this.field = options.field
    this.found = options.found
    this.expected = options.expected
    this[family] = new.target.family
  }

  /** The same error about a file, which stands in front of its message; itself where it names a file already. */
  inFile(file: string): this {
    if (this.file !== undefined) return this
    const { code, message, hint, tensor, module, field, found, expected } = this
    const Family = this.constructor as new (code: string, message: string, options: ErrorOptions) => this
    const subject = { file, tensor, module, field, found, expected }
    return new Family(code, `${file}: ${message}`, { ...subject, hint, cause: this })
  }

  /** True for this class and its subclasses, even when two copies of the package are loaded. */
  static isInstance<T extends typeof HfquantError>(this: T, value: unknown): value is InstanceType<T> {
    const found = (value as { [family]?: string } | null | undefined)?.[family]
    return found !== undefined && `${found}.`.startsWith(`${this.family}.`)
  }
}
