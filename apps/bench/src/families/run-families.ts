import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from '@hfquant/models'
import {
  type ArchitectureCheck,
  architectureChecks,
  type CalibratedConfigs,
  encoderChecks,
} from '@hfquant/testkit'
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  recipe,
} from 'hfquant'
import { checkEncoders, type EncoderCase } from '../peers/check-encoders.js'
import { checkGguf } from '../peers/check-gguf.js'
import { checkOnnx } from '../peers/check-onnx.js'
import type { ExportCase, Verdict } from '../peers/export-cases.js'
import { BACKENDS, EXPORTS, nameOf } from './columns.js'
import { encoderCasesOf, exportCasesOf, goldensOf } from './family-models.js'
import type { FamilyRow, Finding } from './table.js'

interface FamiliesRequest {
  readonly architectures: readonly Architecture[]
  readonly columns: readonly string[]
  /** A folder for models. */
  readonly work: string
  readonly report: (line: string) => void
}

/** Tries families, one after the other; then exports all of them, as starting a library takes longer than a model. */
export async function runFamilies(request: FamiliesRequest): Promise<readonly FamilyRow[]> {
  const { architectures, columns, work, report } = request
  const rows: { family: string; findings: Map<string, Finding> }[] = []
  for (const architecture of architectures) {
    const family = nameOf(architecture)
    const findings = await runChecks(architecture, columns, join(work, family)).catch((error: Error) =>
      failed(
        columns.filter((column) => !EXPORTS.some((name) => name === column)),
        error,
      ),
    )
    rows.push({ family, findings })
    report(`${family}: checked`)
  }
  for (const column of EXPORTS) {
    if (!columns.includes(column)) continue
    const findings = await runExports(architectures, column, join(work, column))
    for (const { family, findings: own } of rows) own.set(column, findings.get(family)!)
    report(`${column}: exported`)
  }
  return rows
}

/** What keeps a family from being tried is what is found about it; the others go on. */
const failed = (columns: readonly string[], { message }: Error): Map<string, Finding> =>
  new Map(columns.map((column) => [column, { works: false, reason: message }]))

/** Of several checks of a subject all must hold. */
async function runChecks(
  architecture: Architecture,
  columns: readonly string[],
  work: string,
): Promise<Map<string, Finding>> {
  const findings = new Map<string, Finding>()
  const checks = await checksOf(architecture)
  for (const [index, { subject, title, run }] of checks.entries()) {
    if (!columns.includes(subject) || findings.get(subject)?.works === false) continue
    const folder = join(work, String(index))
    await mkdir(folder, { recursive: true })
    findings.set(
      subject,
      await run(folder).then(
        () => ({ works: true }),
        ({ message }: Error) => ({ works: false, reason: `${title}: ${message.split('\n', 1)[0]}` }),
      ),
    )
  }
  return findings
}

async function checksOf(architecture: Architecture): Promise<readonly ArchitectureCheck[]> {
  const configs = Object.fromEntries(
    await Promise.all(BACKENDS.map(async (name) => [name, await recipe(name)] as const)),
  )
  const fitted = { samples: 12, sequenceLength: 64 }
  const calibration: CalibratedConfigs = {
    nearest: await recipe('rtn-int4-g32'),
    calibrated: (dataset) => recipe('gptq-int4-g32', { ...fitted, calibration: dataset }),
  }
  const options = { goldens: await goldensOf(architecture), configs, calibration }
  return architecture.kind === 'encoder'
    ? encoderChecks(architecture, { ...options, doors: DOORS })
    : architectureChecks(architecture, { ...options, frontDoor: AutoModelForCausalLM })
}

const DOORS = {
  'hidden-states': AutoModel,
  'sequence-classification': AutoModelForSequenceClassification,
  'token-classification': AutoModelForTokenClassification,
  'masked-lm': AutoModelForMaskedLM,
}

/** By the name of the family. */
async function runExports(
  architectures: readonly Architecture[],
  column: (typeof EXPORTS)[number],
  work: string,
): Promise<ReadonlyMap<string, Finding>> {
  const findings = new Map<string, Finding>()
  const decoders: Cases<ExportCase> = []
  const encoders: Cases<EncoderCase> = []
  for (const architecture of architectures) {
    const family = nameOf(architecture)
    const isKnown = column === 'GGUF' ? architecture.hasGguf : architecture.onnxModelTypes.length > 0
    if (!isKnown) {
      findings.set(family, { works: false, reason: `${LIBRARIES[column]} does not know the family` })
      continue
    }
    try {
      const goldens = await goldensOf(architecture)
      const named = <Case>(own: readonly Case[]) => own.map((each) => ({ ...each, family }))
      if (architecture.kind === 'encoder') encoders.push(...named(await encoderCasesOf(goldens, work)))
      else decoders.push(...named(await exportCasesOf(goldens, work)))
    } catch (error) {
      findings.set(family, { works: false, reason: (error as Error).message })
    }
  }
  const record = (cases: Cases<object>, verdicts: readonly Verdict[]) => {
    for (const family of new Set(cases.map((each) => each.family))) {
      const own = verdicts.filter((_, index) => cases[index % cases.length]!.family === family)
      findings.set(family, findingOf(own))
    }
  }
  if (decoders.length > 0) {
    record(
      decoders,
      column === 'GGUF' ? await checkGguf(decoders, work) : await checkOnnx(decoders, work, CHECKED_TYPES),
    )
  }
  if (encoders.length > 0) record(encoders, await checkEncoders(encoders, work, CHECKED_TYPES))
  return findings
}

type Cases<Case> = (Case & { readonly family: string })[]

const CHECKED_TYPES = ['fp32', 'fp16', 'q4', 'q4f16'] as const

const LIBRARIES = { GGUF: 'llama.cpp', ONNX: '@huggingface/transformers' } as const

/** A library computes what it takes as it should, and takes something; a variant that it lacks is refused. */
function findingOf(verdicts: readonly Verdict[]): Finding {
  const wrong = verdicts.find(({ state }) => state === 'different')
  if (wrong !== undefined) return { works: false, reason: `${wrong.title}: ${wrong.reason}` }
  if (verdicts.some(({ state }) => state === 'same')) return { works: true }
  return { works: false, reason: verdicts[0]?.reason ?? 'nothing was exported' }
}
