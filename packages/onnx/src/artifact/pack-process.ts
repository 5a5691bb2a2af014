import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { packArtifact } from './pack-artifact.js'
import { type PackJob, type PackOutcome, withLowPriority } from './pack-later.js'

/** A process that packs one written graph, and ends; see packLater. */

withLowPriority(process.pid)
process.once('message', (job) => void pack(job as PackJob).then(end))
// Whoever asked has ended before saying what for.
process.once('disconnect', stop)

async function pack({ modelPath, cache, ...options }: PackJob): Promise<PackOutcome> {
  process.off('disconnect', stop)
  try {
    await packArtifact(cache, modelPath, { ...options, threads: 1 })
    return { kind: 'kept' }
  } catch (error) {
    return { kind: 'failed', message: (error as Error).message }
  } finally {
    await rm(dirname(modelPath), { recursive: true, force: true })
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
