import type { Command } from 'commander'
import { type InstalledBackend, nodeEnvironment } from 'hfquant'
import { type CommandSetup, type CommonOptions, withCommonOptions } from '../command-setup.js'
import { checkBackends } from '../doctor/backends.js'
import { checkCacheFolder } from '../doctor/cache-folder.js'
import { describeMachine } from '../doctor/machine.js'
import { checkRuntime } from '../doctor/runtime.js'
import { formatBytes, formatTable } from '../output/format.js'
import { printJson, printLines } from '../output/print.js'

export function addDoctor(program: Command, setup: CommandSetup): void {
  const command = program
    .command('doctor')
    .description(
      'Check this machine: runtime, processor, memory, cache folder, backends. Exits with 1 on a problem.',
    )
  withCommonOptions(command, ['hfquant doctor', 'hfquant doctor --json']).action((options: CommonOptions) =>
    doctor(options, setup),
  )
}

async function doctor({ json }: CommonOptions, { terminal, signal }: CommandSetup): Promise<void> {
  const machine = describeMachine()
  const [cache, backends] = await Promise.all([checkCacheFolder(), checkBackends()])
  const runtime = await checkRuntime(signal)
  terminal.clear()
  const problems = [runtime.problem, cache.problem, ...backends.map(({ problem }) => problem)].flatMap(
    (problem) => (problem === undefined ? [] : [problem]),
  )
  const { devices } = nodeEnvironment()
  const report = { ok: problems.length === 0, problems, runtime, ...machine, devices, cache, backends }
  if (json) printJson(report)
  else {
    printLines([
      ...formatTable([
        ['node', runtime.node],
        [
          'onnxruntime',
          `${runtime.onnxruntime ?? 'not found'}, ${runtime.loads ? 'loads and computes' : 'does not work'}`,
        ],
        ['processor', `${machine.cpu.model}, ${machine.cores} cores`],
        ['features', machine.cpu.features.join(' ') || 'unknown on this system'],
        ['memory', `${formatBytes(machine.memory.free)} free of ${formatBytes(machine.memory.total)}`],
        ['devices', devices.join(', ')],
        ['cache', `${cache.folder}, ${cache.writable ? 'writable' : 'not writable'}`],
        ...backends.map((backend) => [backend.method, describeBackend(backend)]),
      ]),
      ...problems.map((problem) => `problem: ${problem}`),
      ...(problems.length === 0 ? ['everything is in order'] : []),
    ])
  }
  if (problems.length > 0) process.exitCode = 1
}

/** A method without recipes is that of checkpoints that others make. */
function describeBackend({ recipes, problem }: InstalledBackend): string {
  if (problem !== undefined) return 'cannot be used'
  return recipes.length === 0 ? 'loads what is quantized' : `recipes ${recipes.join(', ')}`
}
