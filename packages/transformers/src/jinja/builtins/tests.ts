import { binary } from '../arithmetic.js'
import { compare, equal } from '../comparison.js'
import { contains } from '../containers.js'
import { TemplateFailure } from '../failure.js'
import { isLower, isUpper } from '../text/letter-case.js'
import { str } from '../text/repr.js'
import {
  Callable,
  Dict,
  DictView,
  Generator,
  Instance,
  isList,
  isNumber,
  Markup,
  Range,
  Tuple,
  textOf,
  Undefined,
  type Value,
} from '../values.js'
import { type Builtin, builtinNamed, define } from './builtin.js'
import { FILTERS } from './filters.js'

type Test = Builtin<Value, boolean>

const is = (holds: (value: Value) => boolean): Test => define<Value, boolean>('', (value) => holds(value))

const equals = define<Value, boolean>('other', (value, [other], { budget }) => equal(value, other!, budget))
const differs = define<Value, boolean>('other', (value, [other], { budget }) => !equal(value, other!, budget))

/** A comparison, which holds for no pair with NaN. */
const ordered = (operator: string, holds: (order: number) => boolean): Test =>
  define<Value, boolean>('other', (value, [other], { budget }) =>
    holds(compare(value, other!, budget, operator)),
  )

const greater = ordered('>', (order) => order > 0)
const atLeast = ordered('>=', (order) => order >= 0)
const less = ordered('<', (order) => order < 0)
const atMost = ordered('<=', (order) => order <= 0)

const remainder = (expected: bigint): Test =>
  define<Value, boolean>('', (value, _args, { budget }) =>
    equal(binary('%', value, 2n, budget), expected, budget),
  )

/** The tests of Jinja: `value is name`. */
const TESTS: { readonly [name: string]: Test } = {
  '!=': differs,
  '<': less,
  '<=': atMost,
  '==': equals,
  '>': greater,
  '>=': atLeast,
  boolean: is((value) => typeof value === 'boolean'),
  callable: is(
    (value) => value instanceof Callable || value instanceof Undefined || value instanceof Instance,
  ),
  defined: is((value) => !(value instanceof Undefined)),
  divisibleby: define<Value, boolean>('num', (value, [divisor], { budget }) =>
    equal(binary('%', value, divisor!, budget), 0n, budget),
  ),
  eq: equals,
  equalto: equals,
  escaped: is((value) => value instanceof Markup),
  even: remainder(0n),
  false: is((value) => value === false),
  filter: is((value) => builtinNamed(FILTERS, textOf(value) ?? '') !== undefined),
  float: is((value) => typeof value === 'number'),
  ge: atLeast,
  greaterthan: greater,
  gt: greater,
  in: define<Value, boolean>('seq', (value, [container], { budget }) => contains(container!, value, budget)),
  integer: is((value) => typeof value === 'bigint'),
  iterable: is((value) => textOf(value) !== undefined || isSequence(value) || isOneByOne(value)),
  le: atMost,
  lessthan: less,
  lower: define<Value, boolean>('', (value, _args, { budget }) => isLower(str(value, budget))),
  lt: less,
  mapping: is((value) => value instanceof Dict),
  ne: differs,
  none: is((value) => value === null),
  number: is(isNumber),
  odd: remainder(1n),
  sameas: define<Value, boolean>('other', (value, [other]) => value === other),
  sequence: is(isSequence),
  string: is((value) => textOf(value) !== undefined),
  test: is((value) => builtinNamed(TESTS, textOf(value) ?? '') !== undefined),
  true: is((value) => value === true),
  undefined: is((value) => value instanceof Undefined),
  upper: define<Value, boolean>('', (value, _args, { budget }) => isUpper(str(value, budget))),
}

/** What has a length and elements: texts and dicts, too. */
function isSequence(value: Value): boolean {
  return (
    textOf(value) !== undefined ||
    isList(value) ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof Range ||
    value instanceof Undefined
  )
}

function isOneByOne(value: Value): boolean {
  return value instanceof Generator || value instanceof DictView
}

/** @throws TemplateFailure when there is no such test. */
export function testNamed(name: string): Test {
  const test = builtinNamed(TESTS, name)
  if (test === undefined) throw new TemplateFailure(`no test named '${name}'`)
  return test
}
