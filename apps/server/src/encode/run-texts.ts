import type { Exchange } from '../http/exchange.js'
import type { Batcher, BatchItem } from './batcher.js'

/**
 * Reads the texts of a request, while other requests wait for their company, and computes them.
 *
 * @param read the texts with their tokens.
 * @throws what `read` throws; what `run` of the batcher throws.
 */
export async function runTexts<Input, Output>(
  { record, signal }: Exchange,
  batcher: Batcher<Input, Output>,
  read: () => Promise<readonly BatchItem<Input>[]>,
): Promise<{ readonly outputs: readonly Output[]; readonly tokens: number }> {
  const over = batcher.expect()
  let items: readonly BatchItem<Input>[]
  try {
    items = await read()
  } finally {
    over()
  }
  const outputs = await batcher.run(items, signal)
  const tokens = items.reduce((sum, { size }) => sum + size, 0)
  record.promptTokens = tokens
  return { outputs, tokens }
}
