import { type ChildProcess, fork } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { installedFile } from '@hfquant/kernels'
import type { PackOptions } from './pack-artifact.js'

/** What the process that packs is told, and how it ended. */
export interface PackJob extends Pick<PackOptions, 'key' | 'description'> {
  readonly cache: string
  readonly modelPath: string
}

export type PackOutcome = { readonly kind: 'kept' } | { readonly kind: 'failed'; readonly message: string }

/**
 * Begins to pack a written graph in a process of its own, which takes what time others leave, and goes on when this one
 * ends: a program that generates one text is not made to wait, and does not start from nothing every time. That process
 * takes over the folder of the graph and removes it, puts the compiled model into the cache, and ends. It can be killed at
 * any time.
 *
 * @returns how it ended, as long as this process is there to see it. Nothing waits for that.
 */
export async function packLater(job: PackJob): Promise<PackOutcome> {
  const jobPath = join(dirname(job.modelPath), 'job.json')
  // In a file: a message that the other process has not read is lost when this one ends.
  await writeFile(jobPath, JSON.stringify(job))
  return new Promise((resolve, reject) => {
    const child = fork(installedFile('@hfquant/onnx/pack-process', import.meta.url), [jobPath], {
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    child.once('error', reject)
    child.once('message', (outcome: PackOutcome) => resolve(outcome))
    child.once('exit', (code, signal) =>
      resolve({ kind: 'failed', message: `the process that packs it ended with ${signal ?? code}` }),
    )
    if (child.pid !== undefined) withLowPriority(child.pid)
    letGo(child)
  })
}

/** Neither the process nor what it says keeps this one alive. */
function letGo(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
}

/** Of the thread that starts all others there, which inherit it. */
export function withLowPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It may have ended, or the system has no priorities: then it takes its share.
  }
}
