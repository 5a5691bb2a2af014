import { ConfigError } from '../errors/families.js'
import { savedCut } from '../shell/checkpoint-mapping.js'
import { joinPath } from '../shell/join-path.js'
import type { Shell } from '../shell/shell.js'
import type { SkippedModule } from './hf-quantizer.js'

/**
 * Weights that a file keeps in one tensor are quantized together or not at all.
 *
 * @throws ConfigError STACK_SPLIT
 */
export function refuseSplitStacks(
  { checkpoint = [] }: Shell,
  quantized: readonly string[],
  skipped: readonly SkippedModule[],
): void {
  const stackOf = (path: string) => savedCut(checkpoint, joinPath(path, 'weight'))?.name
  const stacks = new Map(quantized.map((path) => [stackOf(path), path]))
  for (const { module, reason } of skipped) {
    const stack = stackOf(module)
    const other = stack === undefined ? undefined : stacks.get(stack)
    if (other === undefined) continue
    throw new ConfigError(
      'STACK_SPLIT',
      `${module} ${reason}, and ${other} is quantized: files keep both in "${stack}", all of it in one way`,
      { module, found: reason, hint: 'Leave all weights of the tensor in float, or none.' },
    )
  }
}
