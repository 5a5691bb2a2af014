/** Counts the bytes that arrays and buffers are made with, while `run` runs. */
export async function allocatedBytes(run: () => Promise<unknown>): Promise<number> {
  let bytes = 0
  const originals = { ArrayBuffer, SharedArrayBuffer, Uint8Array, Float32Array }
  const metered = Object.entries(originals).map(([name, type]) => {
    const itemBytes = 'BYTES_PER_ELEMENT' in type ? type.BYTES_PER_ELEMENT : 1
    const proxy = new Proxy(type, {
      construct(target, args) {
        // With a buffer as first argument it is a view.
        if (typeof args[0] === 'number') bytes += args[0] * itemBytes
        return Reflect.construct(target, args, target)
      },
    })
    return [name, proxy] as const
  })
  Object.assign(globalThis, Object.fromEntries(metered))
  try {
    await run()
  } finally {
    Object.assign(globalThis, originals)
  }
  return bytes
}
