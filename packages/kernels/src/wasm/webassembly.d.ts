// The part of the WebAssembly interface used here. Node has it, its type package does not declare it, and the `dom`
// library that does would add every browser global.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Memory {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  class Instance {
    constructor(module: Module)
    readonly exports: Record<string, unknown>
  }
}
