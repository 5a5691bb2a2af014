import type { Architecture } from '../architecture/define-architecture.js'
import { albert } from './albert.js'
import { apertus } from './apertus.js'
import { arcee } from './arcee.js'
import { bert } from './bert.js'
import { bloom } from './bloom.js'
import { cohere } from './cohere.js'
import { cohere2 } from './cohere2.js'
import { debertaV2 } from './deberta-v2.js'
import { deepseekV2, deepseekV3 } from './deepseek.js'
import { distilbert } from './distilbert.js'
import { electra } from './electra.js'
import { ernie45 } from './ernie4-5.js'
import { exaone4 } from './exaone4.js'
import { falcon } from './falcon.js'
import { gemma } from './gemma.js'
import { gemma2 } from './gemma2.js'
import { gemma3 } from './gemma3.js'
import { gemma4 } from './gemma4.js'
import { glm } from './glm.js'
import { glm4 } from './glm4.js'
import { glm4Moe } from './glm4-moe.js'
import { gptBigcode } from './gpt-bigcode.js'
import { gptNeo } from './gpt-neo.js'
import { gptNeox } from './gpt-neox.js'
import { gptOss } from './gpt-oss.js'
import { gpt2 } from './gpt2.js'
import { gptj } from './gptj.js'
import { granite } from './granite.js'
import { graniteMoe } from './granitemoe.js'
import { graniteMoeHybrid } from './granitemoehybrid.js'
import { helium } from './helium.js'
import { hunyuan } from './hunyuan.js'
import { llama } from './llama.js'
import { ministral } from './ministral.js'
import { ministral3 } from './ministral3.js'
import { mistral } from './mistral.js'
import { mixtral } from './mixtral.js'
import { modernbert } from './modernbert.js'
import { mpnet } from './mpnet.js'
import { nemotron } from './nemotron.js'
import { nomicBert } from './nomic-bert.js'
import { olmo } from './olmo.js'
import { olmo2 } from './olmo2.js'
import { olmo3 } from './olmo3.js'
import { olmoe } from './olmoe.js'
import { opt } from './opt.js'
import { phi } from './phi.js'
import { phi3 } from './phi3.js'
import { qwen2 } from './qwen2.js'
import { qwen2Moe } from './qwen2-moe.js'
import { qwen3 } from './qwen3.js'
import { qwen3Moe } from './qwen3-moe.js'
import { roberta } from './roberta.js'
import { seedOss } from './seed-oss.js'
import { smollm3 } from './smollm3.js'
import { stablelm } from './stablelm.js'
import { starcoder2 } from './starcoder2.js'

/** Every family that this package defines. */
export const families: readonly Architecture[] = [
  apertus,
  arcee,
  bert,
  roberta,
  nomicBert,
  mpnet,
  modernbert,
  electra,
  distilbert,
  debertaV2,
  albert,
  bloom,
  cohere,
  cohere2,
  deepseekV3,
  deepseekV2,
  ernie45,
  exaone4,
  falcon,
  gemma,
  gemma2,
  gemma3,
  gemma4,
  glm,
  glm4,
  glm4Moe,
  gptBigcode,
  gptNeo,
  gptNeox,
  gptOss,
  gpt2,
  gptj,
  granite,
  graniteMoeHybrid,
  graniteMoe,
  helium,
  hunyuan,
  llama,
  ministral,
  ministral3,
  mistral,
  mixtral,
  nemotron,
  olmo,
  olmo2,
  olmo3,
  olmoe,
  opt,
  phi,
  phi3,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  seedOss,
  smollm3,
  stablelm,
  starcoder2,
]
