import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createKernelPool,
  KernelArgumentError,
  KernelFailedError,
  KernelIoError,
  type KernelPool,
  KernelPoolDisposedError,
  type KernelTask,
  KernelWorkerCrashedError,
  reference,
  UnknownKernelError,
} from '../index.js'

let folder: string
let pool: KernelPool

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernel-pool-'))
  pool = createKernelPool({ workers: 2 })
})

afterEach(async () => {
  await pool.dispose()
  rmSync(folder, { recursive: true })
})

const shared = (bytes: Uint8Array | number) => {
  const length = typeof bytes === 'number' ? bytes : bytes.byteLength
  const buffer = new SharedArrayBuffer(length)
  if (typeof bytes !== 'number') new Uint8Array(buffer).set(bytes)
  return { buffer, byteOffset: 0, byteLength: length }
}

/** A module whose kernels misbehave or wait in ways the built-in ones do not. */
function plugIn(): string {
  const file = join(folder, 'plug-in.mjs')
  // A thread may be reading it.
  if (existsSync(file)) return pathToFileURL(file).href
  writeFileSync(
    file,
    `export const kernels = {
      negate: ({ inputs: [x], outputs: [y] }) => { for (let i = 0; i < x.length; i++) y[i] = -x[i]; return { nonFinite: 0 } },
      untouched: () => ({ nonFinite: 3 }),
      throws: () => { throw new RangeError('no such thing') },
      exits: () => process.exit(7),
      wait: ({ params }) => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, params.ms); return { nonFinite: 0 } },
    }`,
  )
  return pathToFileURL(file).href
}

const plugged = (kernel: string, params: KernelTask['params'] = {}): KernelTask => ({
  kernel,
  params,
  inputs: [],
  outputs: [],
  module: plugIn(),
})

describe('moving bytes', () => {
  it('quantizes row ranges of one file into ranges of another, like the formula on the whole', async () => {
    const [rows, columns] = [12, 33]
    const weight = new Uint8Array(rows * columns * 2).map((_, i) =>
      i % 2 === 1 ? 0x3c + (i % 5) : (i * 37) & 0xff,
    )
    const source = join(folder, 'source')
    const target = join(folder, 'target')
    writeFileSync(source, Buffer.concat([Buffer.alloc(10), weight]))
    const [from, to] = [openSync(source, 'r'), openSync(target, 'w')]
    const scales = new SharedArrayBuffer(rows * 4)

    const step = 3
    const ranges = Array.from({ length: rows / step }, (_, i) => i * step)
    await Promise.all(
      ranges.map((row) =>
        pool.run({
          kernel: 'int8Rows',
          params: { dtype: 'bfloat16', rows: step, columns },
          inputs: [{ fd: from, position: 10 + row * columns * 2, byteLength: step * columns * 2 }],
          outputs: [
            { fd: to, position: row * columns, byteLength: step * columns },
            { buffer: scales, byteOffset: row * 4, byteLength: step * 4 },
          ],
        }),
      ),
    )
    closeSync(from)
    closeSync(to)

    const expected = [new Uint8Array(rows * columns), new Uint8Array(rows * 4)]
    reference.int8Rows({ dtype: 'bfloat16', rows, columns }, [weight], expected)
    expect(new Uint8Array(readFileSync(target))).toEqual(expected[0])
    expect(new Uint8Array(scales)).toEqual(Uint8Array.from(expected[1]!))
  })

  it('takes a part of an ArrayBuffer as input', async () => {
    const output = shared(2)
    const { buffer } = Uint8Array.of(1, 2, 3, 4)
    await pool.run({
      kernel: 'copy',
      params: {},
      inputs: [{ buffer, byteOffset: 1, byteLength: 2 }],
      outputs: [output],
    })
    expect([...new Uint8Array(output.buffer)]).toEqual([2, 3])
  })

  it('takes columns of a matrix as input, from a file and from memory', async () => {
    const matrix = Uint8Array.from({ length: 20 }, (_, index) => index)
    const file = join(folder, 'matrix')
    writeFileSync(file, Buffer.concat([Buffer.alloc(7), matrix]))
    const fd = openSync(file, 'r')
    // Columns 1 and 2 of [4, 5].
    const columns = { byteLength: 8, spacing: { pieceBytes: 2, strideBytes: 5 } }
    for (const input of [
      { ...columns, fd, position: 8 },
      { ...columns, buffer: matrix.buffer, byteOffset: 1 },
      { ...columns, ...shared(matrix), ...columns, byteOffset: 1 },
    ]) {
      const output = shared(8)
      await pool.run({ kernel: 'copy', params: {}, inputs: [input], outputs: [output] })
      expect([...new Uint8Array(output.buffer)]).toEqual([1, 2, 6, 7, 11, 12, 16, 17])
    }
    const beyond = { ...columns, ...shared(matrix), ...columns, byteOffset: 4 }
    const task = { kernel: 'copy', params: {}, inputs: [beyond], outputs: [shared(8)] }
    await expect(pool.run(task)).rejects.toThrow(/input 0, end is 21, expected at most 20/)
    const halves = { ...beyond, byteOffset: 0, byteLength: 7 }
    await expect(pool.run({ ...task, inputs: [halves] })).rejects.toThrow(/7 bytes in pieces of 2/)
    closeSync(fd)
  })

  it('writes columns of a matrix, in a file and in memory, and nothing between them', async () => {
    const matrix = Uint8Array.from({ length: 20 }, (_, index) => index)
    const file = join(folder, 'matrix')
    writeFileSync(file, Buffer.concat([Buffer.alloc(7), matrix]))
    const fd = openSync(file, 'r+')
    const columns = { byteLength: 8, spacing: { pieceBytes: 2, strideBytes: 5 } }
    const memory = shared(matrix)
    const source = shared(Uint8Array.of(91, 92, 93, 94, 95, 96, 97, 98))
    for (const output of [
      { ...columns, fd, position: 8 },
      { ...memory, ...columns, byteOffset: 1 },
    ]) {
      await pool.run({ kernel: 'copy', params: {}, inputs: [source], outputs: [output] })
    }
    closeSync(fd)
    const wanted = [0, 91, 92, 3, 4, 5, 93, 94, 8, 9, 10, 95, 96, 13, 14, 15, 97, 98, 18, 19]
    expect([...new Uint8Array(memory.buffer)]).toEqual(wanted)
    expect([...readFileSync(file).subarray(7)]).toEqual(wanted)
    const beyond = { ...memory, ...columns, byteOffset: 4 }
    await expect(
      pool.run({ kernel: 'copy', params: {}, inputs: [source], outputs: [beyond] }),
    ).rejects.toThrow(/output 0, end is 21, expected at most 20/)
  })

  it('an empty tensor is no special case', async () => {
    const task = { kernel: 'copy', params: {}, inputs: [shared(0)], outputs: [shared(0)] }
    await expect(pool.run(task)).resolves.toEqual({ nonFinite: 0 })
  })

  it('a file that is too short is an error, not zeros', async () => {
    writeFileSync(join(folder, 'short'), 'abc')
    const fd = openSync(join(folder, 'short'), 'r')
    const task = {
      kernel: 'copy',
      params: {},
      inputs: [{ fd, position: 1, byteLength: 5 }],
      outputs: [shared(5)],
    }
    const failure = pool.run(task)
    await expect(failure).rejects.toThrow(/bytes 1 to 6 of file descriptor \d+ stopped after 2 bytes/)
    await expect(failure).rejects.toBeInstanceOf(KernelIoError)
    closeSync(fd)
  })

  it('an error of the operating system keeps its name', async () => {
    writeFileSync(join(folder, 'read-only'), '')
    const fd = openSync(join(folder, 'read-only'), 'r')
    const task = {
      kernel: 'copy',
      params: {},
      inputs: [shared(4)],
      outputs: [{ fd, position: 0, byteLength: 4 }],
    }
    await expect(pool.run(task)).rejects.toMatchObject({ code: 'KERNEL_IO', errno: 'EBADF' })
    closeSync(fd)
  })
})

describe('what is refused at once', () => {
  it('a plain ArrayBuffer as output, a range beyond its buffer, a wrong length, an unknown name', async () => {
    const input = shared(4)
    const copy = { kernel: 'copy', params: {}, inputs: [input] }
    const plain = { buffer: new ArrayBuffer(4), byteOffset: 0, byteLength: 4 }
    await expect(pool.run({ ...copy, outputs: [plain] })).rejects.toThrow(/output 0 is "an ArrayBuffer"/)
    const beyond = { ...input, byteOffset: 1 }
    await expect(pool.run({ ...copy, outputs: [beyond] })).rejects.toThrow(
      /output 0, end is 5, expected at most 4/,
    )
    await expect(pool.run({ ...copy, outputs: [shared(3)] })).rejects.toBeInstanceOf(KernelArgumentError)
    await expect(pool.run({ ...copy, kernel: 'kopy', outputs: [] })).rejects.toBeInstanceOf(
      UnknownKernelError,
    )
    expect(() => createKernelPool({ workers: 0 })).toThrow(/number of workers is 0/)
  })
})

describe('plug-in kernels', () => {
  it('run in the worker on aligned, zeroed memory', async () => {
    const output = shared(3)
    await pool.run({ ...plugged('negate'), inputs: [shared(Uint8Array.of(1, 2, 3))], outputs: [output] })
    expect([...new Uint8Array(output.buffer)]).toEqual([255, 254, 253])
    await expect(pool.run({ ...plugged('untouched'), outputs: [output] })).resolves.toEqual({ nonFinite: 3 })
    expect([...new Uint8Array(output.buffer)]).toEqual([0, 0, 0])
  })

  it('report what they throw, and a module that cannot be found', async () => {
    await expect(pool.run(plugged('throws'))).rejects.toThrow('kernel "throws" failed: no such thing')
    await expect(pool.run(plugged('throws'))).rejects.toBeInstanceOf(KernelFailedError)
    await expect(pool.run(plugged('absent'))).rejects.toThrow(/no kernel "absent".*negate/)
    const missing = { ...plugged('negate'), module: pathToFileURL(join(folder, 'gone.mjs')).href }
    await expect(pool.run(missing)).rejects.toBeInstanceOf(KernelFailedError)
  })

  it('that end their thread fail one task; the next gets a new thread', async () => {
    const single = createKernelPool({ workers: 1 })
    const crashed = single.run(plugged('exits'))
    const next = single.run({ kernel: 'copy', params: {}, inputs: [shared(1)], outputs: [shared(1)] })
    await expect(crashed).rejects.toBeInstanceOf(KernelWorkerCrashedError)
    await expect(crashed).rejects.toThrow('the worker running kernel "exits" ended: exit status 7')
    await expect(next).resolves.toEqual({ nonFinite: 0 })
    await single.dispose()
  })
})

describe('order, cancelling and the end', () => {
  it('runs tasks first in, first out', async () => {
    const single = createKernelPool({ workers: 1 })
    const order: number[] = []
    const tasks = [30, 1, 1].map((ms, i) => single.run(plugged('wait', { ms })).then(() => order.push(i)))
    await Promise.all(tasks)
    expect(order).toEqual([0, 1, 2])
    await single.dispose()
  })

  it('an abort removes a queued task; a running one finishes first and then rejects', async () => {
    await using single = createKernelPool({ workers: 1 })
    const controller = new AbortController()
    const running = single.run(plugged('wait', { ms: 30 }), { signal: controller.signal })
    const output = shared(1)
    const copy = { kernel: 'copy', params: {}, inputs: [shared(Uint8Array.of(5))], outputs: [output] }
    const queued = single.run(copy, { signal: controller.signal })
    controller.abort(new Error('changed my mind'))
    await expect(queued).rejects.toThrow('changed my mind')
    await expect(running).rejects.toThrow('changed my mind')
    await expect(single.run(copy, { signal: controller.signal })).rejects.toThrow('changed my mind')
    expect([...new Uint8Array(output.buffer)]).toEqual([0])
    await expect(single.run(copy)).resolves.toEqual({ nonFinite: 0 })
  })

  it('dispose waits for what runs, rejects what is queued and every later use', async () => {
    const single = createKernelPool({ workers: 1 })
    const running = single.run(plugged('wait', { ms: 20 }))
    const queued = single.run(plugged('wait', { ms: 0 }))
    const refused = expect(queued).rejects.toBeInstanceOf(KernelPoolDisposedError)
    await single.dispose()
    await refused
    await expect(running).resolves.toEqual({ nonFinite: 0 })
    await expect(single.run(plugged('wait'))).rejects.toBeInstanceOf(KernelPoolDisposedError)
    await single.dispose()
  })

  it('leaves its threads to the next one, but for those that hold much or have run kernels of others', async () => {
    let started = 0
    const count = () => {
      started += 1
    }
    const run = async (task: KernelTask) => {
      await using single = createKernelPool({ workers: 1 })
      await single.run(task)
      return started
    }
    const copy = (byteLength: number): KernelTask => ({
      ...{ kernel: 'copy', params: {}, inputs: [shared(byteLength)], outputs: [shared(byteLength)] },
    })
    // Whatever other tests have left is used up.
    await Promise.all(Array.from({ length: 4 }, () => run(plugged('untouched'))))
    process.on('worker', count)
    try {
      expect([await run(copy(1)), await run(copy(1)), await run(plugged('untouched'))]).toEqual([1, 1, 1])
      expect([await run(copy(2 ** 24)), await run(copy(1)), await run(copy(1))]).toEqual([2, 3, 3])
    } finally {
      process.off('worker', count)
    }
  })

  it('a forgotten pool lets the process end, and the process waits for a running task', () => {
    const program = `
      import { createKernelPool } from '@hfquant/kernels'
      const range = (byteLength) => ({ buffer: new SharedArrayBuffer(byteLength), byteOffset: 0, byteLength })
      createKernelPool().run({ kernel: 'copy', params: {}, inputs: [range(9)], outputs: [range(9)] })
        .then((result) => console.log(JSON.stringify(result)))`
    const cwd = new URL('../..', import.meta.url)
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd,
      timeout: 20_000,
    })
    expect(output.toString().trim()).toBe('{"nonFinite":0}')
  })
})
