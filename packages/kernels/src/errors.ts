const family: unique symbol = Symbol.for('hfquant.error.family')

/** What kind of thing went wrong in a kernel or in the pool that runs it. */
export type KernelErrorCode =
  | 'KERNEL_ARGUMENT'
  | 'KERNEL_UNKNOWN'
  | 'KERNEL_IO'
  | 'KERNEL_MEMORY'
  | 'ADDRESS_SPACE'
  | 'KERNEL_FAILED'
  | 'KERNEL_WORKER_CRASHED'
  | 'KERNEL_POOL_DISPOSED'
  | 'PACKAGE_BUNDLED'

/** Details of a `KernelError`; `errno` is the operating system's name of an I/O error, such as `ENOSPC`. */
export interface KernelErrorOptions {
  readonly hint?: string | undefined
  readonly errno?: string | undefined
  readonly cause?: unknown
}

/** Base of every error this package throws. */
export class KernelError extends Error {
  static readonly family: string = 'hfquant.runtime.kernel'
  readonly code: KernelErrorCode
  readonly hint: string | undefined
  /** Set on I/O errors only: `ENOSPC`, `EFBIG`, `EBADF` and the like. */
  readonly errno: string | undefined
  readonly [family]: string

  constructor(code: KernelErrorCode, message: string, options: KernelErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.hint = options.hint
    this.errno = options.errno
    this[family] = new.target.family
  }

  /** True for this class and its subclasses, even when two copies of the package are loaded. */
  static isInstance<T>(
    this: (abstract new (...args: never[]) => T) & { readonly family: string },
    value: unknown,
  ): value is T {
    const found = (value as { [family]?: string } | null | undefined)?.[family]
    return found !== undefined && `${found}.`.startsWith(`${this.family}.`)
  }
}

/** A parameter, or the length of an input or output, does not fit the kernel. */
export class KernelArgumentError extends KernelError {
  static override readonly family: string = 'hfquant.runtime.kernel.argument'

  constructor(
    readonly kernel: string,
    readonly argument: string,
    found: unknown,
    expected: string,
  ) {
    const shown = typeof found === 'string' ? JSON.stringify(found) : String(found)
    super('KERNEL_ARGUMENT', `kernel "${kernel}": ${argument} is ${shown}, expected ${expected}`, {
      hint: 'Compare the call with the documented shapes and dtypes of the kernel.',
    })
  }
}

/** No kernel has this name. */
export class UnknownKernelError extends KernelError {
  static override readonly family: string = 'hfquant.runtime.kernel.unknown'

  constructor(
    readonly kernel: string,
    readonly known: readonly string[],
  ) {
    super('KERNEL_UNKNOWN', `there is no kernel "${kernel}"; known kernels: ${known.join(', ')}`, {
      hint: "A plug-in's kernels are found only when the task names the plug-in in `module`.",
    })
  }
}

/** Reading an input range or writing an output range failed. */
export class KernelIoError extends KernelError {
  static override readonly family: string = 'hfquant.runtime.kernel.io'

  constructor(message: string, options: KernelErrorOptions = {}) {
    super('KERNEL_IO', message, {
      ...options,
      hint: options.errno === 'ENOSPC' ? 'Free space on the device, or write to another one.' : options.hint,
    })
  }
}

/** The task does not fit into the memory that a WebAssembly instance can have. */
export class KernelMemoryError extends KernelError {
  static override readonly family: string = 'hfquant.runtime.kernel.memory'

  constructor(message: string, options: KernelErrorOptions = {}) {
    super('KERNEL_MEMORY', message, {
      ...options,
      hint: 'Split the tensor into row ranges and run one task for each.',
    })
  }
}

/** The system refuses the addresses that WebAssembly reserves for an instance; the family is that of an unfit environment. */
export class AddressSpaceError extends KernelError {
  static override readonly family: string = 'hfquant.environment.address-space'

  constructor(cause: unknown) {
    const message =
      'the system refuses addresses for WebAssembly, which reserves about 10 GB of them (not of memory) in each thread'
    super('ADDRESS_SPACE', message, {
      hint: 'Raise the limit of virtual memory (`ulimit -v unlimited`, or that of the batch system), and limit resident memory instead.',
      cause,
    })
  }
}

/** A kernel of a plug-in threw, or its module could not be imported. */
export class KernelFailedError extends KernelError {
  static override readonly family: string = 'hfquant.runtime.kernel.failed'

  constructor(message: string, options: KernelErrorOptions = {}) {
    super('KERNEL_FAILED', message, { hint: 'The fault is in the kernel or in its module.', ...options })
  }
}

/** A worker thread ended while it ran a task. The pool replaces the worker. */
export class KernelWorkerCrashedError extends KernelError {
  static override readonly family: string = 'hfquant.runtime.kernel.worker-crashed'

  constructor(kernel: string, reason: string, cause?: unknown) {
    super('KERNEL_WORKER_CRASHED', `the worker running kernel "${kernel}" ended: ${reason}`, {
      hint: 'The task may be run again. If it ends the same way, the kernel itself is at fault.',
      cause,
    })
  }
}

/** The pool was used after `dispose()`, or disposed while the task waited in its queue. */
export class KernelPoolDisposedError extends KernelError {
  static override readonly family: string = 'hfquant.runtime.kernel.pool-disposed'

  constructor() {
    super('KERNEL_POOL_DISPOSED', 'the kernel pool has been disposed', {
      hint: 'Create another pool with createKernelPool().',
    })
  }
}

/** A file of the packages is not where it was installed. Belongs to the errors of the environment, as in `core`. */
export class PackageBundledError extends KernelError {
  static override readonly family: string = 'hfquant.environment.bundled'

  constructor(specifier: string, cause?: unknown) {
    super('PACKAGE_BUNDLED', `"${specifier}" is not installed where it is looked for: was hfquant bundled?`, {
      hint: 'Keep hfquant, @hfquant/* and onnxruntime-node out of the bundle (esbuild: --packages=external), and install them beside it.',
      cause,
    })
  }
}
