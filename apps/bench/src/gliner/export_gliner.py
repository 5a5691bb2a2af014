"""Exports a GLiNER as its Python library does, with the inputs that this library makes of texts.

  python3 export_gliner.py MODEL OUT < request.json

The request: {"texts": [...], "labels": {"4": [...], "20": [...]}}. OUT gets model.onnx, and calls.safetensors, whose tensors are
named "LABELS/one/CALL/INPUT" for one text in a call and "LABELS/all/CALL/INPUT" for as many as the library takes at once.
Needs gliner (0.2.27 was used), torch, onnx, onnxruntime and safetensors.
"""
import json, sys
from gliner import GLiNER
from safetensors.torch import save_file

AT_ONCE = 8  # the batch size of the library's inference

source, out = sys.argv[1:]
request = json.load(sys.stdin)
model = GLiNER.from_pretrained(source, local_files_only=True)
model.export_to_onnx(out)
inputs = model._get_onnx_input_spec()['input_names']
collate = model.data_collator_class(model.config, data_processor=model.data_processor, return_tokens=False,
                                    return_entities=False, return_id_to_classes=False, prepare_labels=False)

def calls(texts, labels, size):
    words, _, _ = model.prepare_inputs(texts)
    rows = model.prepare_base_input(words)
    return [collate(rows[at:at + size], entity_types=labels) for at in range(0, len(rows), size)]

tensors = {}
for name, labels in request['labels'].items():
    for kind, size in (('one', 1), ('all', AT_ONCE)):
        for number, batch in enumerate(calls(request['texts'], labels, size)):
            for key in inputs: tensors[f'{name}/{kind}/{number}/{key}'] = batch[key].contiguous()
save_file(tensors, f'{out}/calls.safetensors')
