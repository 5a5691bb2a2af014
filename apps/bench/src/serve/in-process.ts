import { fork } from 'node:child_process'
import { once } from 'node:events'
import { AutoModelForCausalLM } from 'hfquant'

/** What is to be generated together, greedily, to the last token. */
export interface Work {
  readonly prompts: readonly (readonly number[])[]
  readonly tokens: number
}

/** Milliseconds from the beginning. */
export interface WorkTimes {
  readonly firstToken: number
  readonly all: number
}

/** A process that generates without a server, one work after the other. */
export interface InProcess extends AsyncDisposable {
  readonly pid: number
  generate(work: Work): Promise<WorkTimes>
}

export async function startInProcess(folder: string, threads: number): Promise<InProcess> {
  const child = fork(process.argv[1]!, ['serve-in-process', JSON.stringify({ folder, threads })], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const ended = exited.then(() => {
    throw new Error('the process that generates ended')
  })
  ended.catch(() => {})
  const answer = async () => {
    const [message] = await Promise.race([once(child, 'message'), ended])
    return message as WorkTimes
  }
  await answer()
  return {
    pid: child.pid!,
    async generate(work) {
      child.send(work)
      return answer()
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}

/** The other side. */
export async function generateInProcess(request: {
  readonly folder: string
  readonly threads: number
}): Promise<void> {
  const model = await AutoModelForCausalLM.fromPretrained(request.folder, { threads: request.threads })
  for await (const _ of model.generate({ inputIds: [1, 2, 3] }, { maxNewTokens: 2, temperature: 0 }));
  process.on('message', async ({ prompts, tokens }: Work) => {
    const since = performance.now()
    let firstToken = 0
    await Promise.all(
      prompts.map(async (inputIds) => {
        const options = { maxNewTokens: tokens, temperature: 0, ignoreEos: true }
        for await (const _ of model.generate({ inputIds }, options)) {
          if (firstToken === 0) firstToken = performance.now() - since
        }
      }),
    )
    process.send!({ firstToken, all: performance.now() - since } satisfies WorkTimes)
  })
  process.send!('ready')
}
