import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OutputError } from 'hfquant'

/**
 * Opens a temporary file for the log-probabilities of the first model: float32 [tokens, vocabulary]. It has no name
 * any more when it is handed out, so that it is gone when the processes that hold it have ended, however they end.
 *
 * @throws OutputError
 */
export function openReferenceFile(): { readonly fd: number; close(): void } {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'hfquant-eval-'))
    try {
      const fd = openSync(join(folder, 'log-probabilities'), 'wx+')
      return { fd, close: () => closeSync(fd) }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  } catch (cause) {
    throw referenceError(cause)
  }
}

/** Writes rows at the position of row `first`. */
export function writeRows(fd: number, first: number, rows: Float32Array, columns: number): void {
  const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)
  try {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(fd, bytes, done, bytes.length - done, first * columns * 4 + done)
    }
  } catch (cause) {
    throw referenceError(cause)
  }
}

/** Reads rows from the position of row `first` until `rows` is full. */
export function readRows(fd: number, first: number, rows: Float32Array, columns: number): void {
  const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(fd, bytes, done, bytes.length - done, first * columns * 4 + done)
    if (read === 0) throw new RangeError('the reference file is shorter than the evaluation')
    done += read
  }
}

function referenceError(cause: unknown): OutputError {
  const { code = '' } = cause as NodeJS.ErrnoException
  const isFull = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)
  return new OutputError(
    isFull ? 'DISK_FULL' : 'OUTPUT_FAILED',
    `the log-probabilities of the first model cannot be kept in ${tmpdir()} (${code})`,
    {
      file: tmpdir(),
      found: code,
      cause,
      hint: 'Set TMPDIR to a folder with more space, or evaluate a shorter text.',
    },
  )
}
