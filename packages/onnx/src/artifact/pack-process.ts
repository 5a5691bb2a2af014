import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { adoptWorkFolder } from '@hfquant/core/runtime'
import { packArtifact } from './pack-artifact.js'
import { type PackJob, type PackOutcome, withLowPriority } from './pack-later.js'

/** A process that packs one written graph, and ends; see packLater. */

withLowPriority(process.pid)
pack(process.argv[2]!).then(end)

async function pack(jobPath: string): Promise<PackOutcome> {
  try {
    const { modelPath, cache, ...options } = JSON.parse(await readFile(jobPath, 'utf8')) as PackJob
    const work = await adoptWorkFolder(dirname(jobPath))
    try {
      await packArtifact(cache, join(work.path, basename(modelPath)), { ...options, threads: 1 })
      return { kind: 'kept' }
    } finally {
      await work.remove()
    }
  } catch (error) {
    return { kind: 'failed', message: (error as Error).message }
  }
}

/** The process that asked may have ended meanwhile. */
function end(outcome: PackOutcome): void {
  if (process.connected) process.send!(outcome, stop)
  else stop()
}

function stop(): void {
  process.exit()
}
