import { vi } from 'vitest'
import { createProgram } from '../program.js'

/** Runs a command in this process, and returns its standard output; failures are thrown. */
export async function runProgram(...args: readonly string[]): Promise<string> {
  let output = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += text
    return true
  })
  const terminal = { line() {}, progress() {}, clear() {} }
  const signal = new AbortController().signal
  try {
    await createProgram({
      recipes: [],
      calibratedRecipes: [],
      conversions: ['compressed-tensors', 'gptq'],
      serverOptions: undefined,
      terminal,
      signal,
    }).parseAsync([...args], {
      from: 'user',
    })
    return output
  } finally {
    write.mockRestore()
  }
}
