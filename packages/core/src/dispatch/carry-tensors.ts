import type { Checkpoint } from '../load/checkpoint.js'
import { ownerPath } from '../shell/join-path.js'
import { findModule, joinPath, walkModules } from '../shell/module.js'
import { Parameter } from '../shell/parameter.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'

/**
 * Makes room for tensors that the model does not compute with and that are saved with it: what a method keeps beside modules
 * that it does not quantize. Tensors of modules that the model does not have are left out.
 */
export function carryTensors(
  shell: Shell,
  { tensors }: Checkpoint,
  carries: (name: string) => boolean,
): void {
  for (const [name, { dtype, shape }] of tensors) {
    if (!carries(name)) continue
    const path = ownerPath(name)
    const parameters = findModule(shell.root, path)?.parameters
    const key = name.slice(path.length + 1)
    if (parameters !== undefined && !parameters.has(key))
      parameters.set(key, new Parameter(dtype, shape, true))
  }
}

/** Takes them out again: they say nothing of a model in float. */
export function dropCarried(shell: Shell): void {
  for (const { module, key } of carried(shell)) module.parameters.delete(key)
}

/** Names of the tensors that are carried along. */
export const carriedTensors = (shell: Shell): readonly string[] =>
  carried(shell).map(({ path, key }) => joinPath(path, key))

const carried = ({ root }: Shell) =>
  [...walkModules(root)].flatMap(([path, module]) =>
    module instanceof QuantizedModule
      ? []
      : [...module.parameters].flatMap(([key, { isComponent }]) =>
          isComponent ? [{ path, module, key }] : [],
        ),
  )
