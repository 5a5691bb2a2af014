import { nodeEnvironment, type PlannedModel, planModel } from '@hfquant/core/runtime'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'

/** What loading an opened model would do, decided from headers alone: in a new shell each time. */
export const planOpened = (
  { model, dtype, checkpoint, quantizer, merged }: OpenedModel,
  { deviceMap, signal }: LoadModelOptions,
): Promise<PlannedModel> =>
  planModel({
    ...{ shell: model.build(dtype), checkpoint, quantizer, deviceMap, signal },
    environment: nodeEnvironment(),
    foundIn: merged?.foundIn,
  })
