import { type Shell, walkModules } from '@hfquant/core/runtime'
import type { GgufModel, GgufPlace } from './gguf-model.js'

/** A parameter of a model that a tensor of a GGUF file holds, or holds a part of. */
export interface GgufParameter {
  /** Of its module. */
  readonly path: string
  /** There: "weight". */
  readonly key: string
  readonly place: GgufPlace
}

/**
 * The parameters that each tensor of a GGUF file holds, by the name of the tensor: where `places` says that each
 * parameter goes, the other way round. Of a stack they are in its order.
 */
export function ggufParameters(
  { root }: Pick<Shell, 'root'>,
  { places }: Pick<GgufModel, 'places'>,
): ReadonlyMap<string, readonly GgufParameter[]> {
  const parameters = new Map<string, GgufParameter[]>()
  for (const [path, module] of walkModules(root)) {
    for (const key of module.parameters.keys()) {
      for (const place of places(path, key)) {
        const others = parameters.get(place.name)
        const parameter = { path, key, place }
        if (others === undefined) parameters.set(place.name, [parameter])
        else others.push(parameter)
      }
    }
  }
  for (const each of parameters.values()) {
    each.sort((a, b) => (a.place.inStack ?? 0) - (b.place.inStack ?? 0))
  }
  return parameters
}
