import { demoModel } from 'hfquant/demo'
import { type Chance, createChance } from '../measure/random.js'
import { percentile } from '../measure/samples.js'
import { ask } from '../serve/ask.js'
import { serveHfquant } from '../serve/served-process.js'
import { judge, type Verdict } from '../serve/verdict.js'

const SCHEMAS = 500
const TOGETHER = 8
const TOKENS = 200

const HOSTILE: readonly object[] = [
  ...[
    '(a+)+$',
    '(a|a)*b',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '[ab]*a[ab]{40}',
    '(?=a)b',
    '(a)\\1',
    '((((a{1000}){1000})))',
    '[',
  ].map((pattern) => ({ type: 'string', pattern })),
  { $ref: '#' },
  { type: 'object', properties: { again: { $ref: '#' } }, required: ['again'] },
  { anyOf: Array.from({ length: 1001 }, (_, index) => ({ const: index })) },
  { type: 'array', items: { type: 'array', items: { $ref: '#/nowhere' } } },
  Array.from({ length: 40 }).reduce<object>((inner) => ({ type: 'array', items: inner, minItems: 1 }), {
    type: 'null',
  }),
]

/** 17: schemas of all kinds, and what is meant to hang a compiler. */
export async function grammars(): Promise<readonly Verdict[]> {
  const chance = createChance(17)
  const schemas = [...Array.from({ length: SCHEMAS }, () => randomSchema(chance, 3)), ...HOSTILE]
  await using server = await serveHfquant([`bench=${demoModel}`, '--request-timeout', '60'])
  const found = { whole: 0, cut: 0, refused: 0, wrong: 0 }
  const compiling: number[] = []
  const one = async (schema: object) => {
    const { status, body, sent, ended } = await ask({
      ...{ url: server.url, path: '/v1/completions' },
      body: {
        ...{ model: 'bench', prompt: 'Once', max_tokens: TOKENS, temperature: 1, seed: 1 },
        response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
      },
    })
    if (status === 400) {
      found.refused++
      compiling.push(ended - sent)
    } else if (status !== 200) found.wrong++
    else found[kindOf(body)]++
  }
  for (let from = 0; from < schemas.length; from += TOGETHER)
    await Promise.all(schemas.slice(from, from + TOGETHER).map(one))
  const kinds = Object.entries(found).map(([name, count]) => `${count} ${name}`)
  return [
    judge('17: neither JSON nor refused', found.wrong, { most: 0 }, kinds.join(', ')),
    judge(
      '17: most that a refusal took',
      percentile(compiling, 1),
      { most: 2000, unit: ' ms' },
      'others wait before it',
    ),
  ]
}

function kindOf(body: string): 'whole' | 'cut' | 'wrong' {
  const { choices } = JSON.parse(body) as { choices: { text: string; finish_reason: string }[] }
  const [{ text, finish_reason }] = choices as [{ text: string; finish_reason: string }]
  // An answer that reaches its most tokens is cut off.
  if (finish_reason === 'length') return 'cut'
  try {
    JSON.parse(text)
    return 'whole'
  } catch {
    return 'wrong'
  }
}

function randomSchema(chance: Chance, depth: number): object {
  const simple = [
    () => ({ type: 'boolean' }),
    () => ({ type: ['null', 'integer'], minimum: -chance.whole(50), maximum: chance.whole(1000) }),
    () => ({
      enum: Array.from({ length: 1 + chance.whole(5) }, (_, index) =>
        chance.pick([index, `w${index}`, null]),
      ),
    }),
    () => ({ type: 'string', maxLength: chance.whole(20) }),
    () => ({
      type: 'string',
      pattern: chance.pick(['^[a-c]{2,5}$', '\\d+', '^(on|off)$', '^\\w{1,3}-\\d{2}$']),
    }),
    () => ({ type: 'string', format: chance.pick(['date', 'uuid', 'ipv4', 'time']) }),
    () => ({ type: 'number' }),
    // Not offered.
    () => ({ type: 'number', multipleOf: 3 }),
  ]
  if (depth === 0 || chance.whole(3) === 0) return chance.pick(simple)()
  const inner = () => randomSchema(chance, depth - 1)
  return chance.pick([
    () => ({ type: 'array', items: inner(), minItems: chance.whole(2), maxItems: 2 + chance.whole(3) }),
    () => ({ anyOf: [inner(), inner()] }),
    () => {
      const names = Array.from({ length: 1 + chance.whole(4) }, (_, index) => `p${index}`)
      return {
        ...{ type: 'object', additionalProperties: false },
        properties: Object.fromEntries(names.map((name) => [name, inner()])),
        required: names.filter(() => chance.whole(2) === 0),
      }
    },
  ])()
}
