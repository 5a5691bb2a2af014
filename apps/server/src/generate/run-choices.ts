import type { Admitted, Slot } from '../queue/admission.js'
import type { AnswerPart, ChoicePart } from './answer-parts.js'

export interface ChoicesRun {
  readonly prompts: number
  /** Answers to each prompt. */
  readonly choices: number
  readonly admitted: Admitted
  readonly signal: AbortSignal
  generate(choice: number, signal: AbortSignal): AsyncGenerator<AnswerPart>
}

/**
 * The parts of all choices, one for each token, as they come: choice `i` answers prompt `floor(i / choices)`. The first choice of a prompt
 * reads it; the others begin when its first token is there, and find the prompt in the cache. Every slot is given back,
 * whatever ends the run.
 */
export async function* runChoices(run: ChoicesRun): AsyncGenerator<ChoicePart> {
  const stop = new AbortController()
  const signal = AbortSignal.any([run.signal, stop.signal])
  const sources = new Map<number, AsyncGenerator<AnswerPart>>()
  /** A list rather than a race: every race leaves a reaction with each promise that goes on. */
  const arrivals: Arrival[] = []
  let pending = 0
  let wake = () => {}
  const arrive = (arrival: Arrival) => {
    arrivals.push(arrival)
    wake()
  }
  const pull = (choice: number, source: AsyncGenerator<AnswerPart>) => {
    pending++
    source.next().then(
      (result) => arrive({ choice, result }),
      (error: Error) => arrive({ choice, error }),
    )
  }
  const begin = (choice: number, slot: () => Promise<Slot>) => {
    const source = withSlot(slot, () => run.generate(choice, signal))
    sources.set(choice, source)
    pull(choice, source)
  }
  try {
    const another = () => run.admitted.another(signal)
    for (let prompt = 0; prompt < run.prompts; prompt++) {
      begin(prompt * run.choices, prompt === 0 ? async () => run.admitted : another)
    }
    const begun = new Set<number>()
    while (pending > 0) {
      if (arrivals.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const arrival = arrivals.shift()!
      pending--
      if ('error' in arrival) throw arrival.error
      const { choice, result } = arrival
      if (choice % run.choices === 0 && !begun.has(choice)) {
        begun.add(choice)
        for (let other = 1; other < run.choices; other++) begin(choice + other, another)
      }
      if (result.done === true) {
        sources.delete(choice)
        continue
      }
      yield { ...result.value, choice }
      pull(choice, sources.get(choice)!)
    }
  } finally {
    stop.abort(new DOMException('the answer is not needed any more', 'AbortError'))
    // What waits for its next token is not waited for: it ends with the signal.
    await Promise.allSettled([...sources.values()].map((source) => source.return(undefined)))
    run.admitted.release()
  }
}

type Arrival =
  | { readonly choice: number; readonly result: IteratorResult<AnswerPart> }
  | { readonly choice: number; readonly error: Error }

async function* withSlot(
  take: () => Promise<Slot>,
  generate: () => AsyncGenerator<AnswerPart>,
): AsyncGenerator<AnswerPart> {
  const slot = await take()
  try {
    yield* generate()
  } finally {
    slot.release()
  }
}
