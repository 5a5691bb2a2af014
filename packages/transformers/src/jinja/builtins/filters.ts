import { TemplateFailure } from '../failure.js'
import { type Builtin, builtinNamed } from './builtin.js'
import { LIST_FILTERS } from './list-filters.js'
import { NUMBER_FILTERS } from './number-filters.js'
import { TEXT_FILTERS } from './text-filters.js'

/** The filters of Jinja by name, but for `pprint`, `random`, `urlize` and `wordwrap`, which no known chat template uses. */
export const FILTERS: { readonly [name: string]: Builtin } = {
  ...LIST_FILTERS,
  ...NUMBER_FILTERS,
  ...TEXT_FILTERS,
}

/** @throws TemplateFailure when there is no such filter. */
export function filterNamed(name: string): Builtin {
  const filter = builtinNamed(FILTERS, name)
  if (filter === undefined) throw new TemplateFailure(`no filter named '${name}'`)
  return filter
}
