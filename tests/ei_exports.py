"""Look-alikes of what Edge Impulse exports, of five ages: the layouts are theirs, names, comments and figures invented.

`make(age, model)` gives the files of one by their path in it.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

AGES = ("eon 2021", "two models 2022", "array 2024", "eon 2025", "incbin 2026")
LABELS = ("kettle", "silence", 'tap, \\"cold\\"')

METADATA = """/* made for a test {{ #define EI_CLASSIFIER_LABEL_COUNT 99 }} */
#ifndef _METADATA_H_
#define _METADATA_H_
#define EI_CLASSIFIER_NONE                       255
#define EI_CLASSIFIER_TFLITE                     2
#define EI_CLASSIFIER_TFLITE_FULL                4
#define EI_CLASSIFIER_SENSOR_MICROPHONE          1
#define EI_ANOMALY_TYPE_KMEANS                   1
#define EI_CLASSIFIER_PROJECT_ID                 4711
#define EI_CLASSIFIER_PROJECT_OWNER              "Somebody"
#define EI_CLASSIFIER_PROJECT_NAME               "Kettle // watch"
#define EI_CLASSIFIER_PROJECT_DEPLOY_VERSION     7
#define EI_CLASSIFIER_NN_INPUT_FRAME_SIZE        650
#define EI_CLASSIFIER_RAW_SAMPLE_COUNT           16000
#define EI_CLASSIFIER_RAW_SAMPLES_PER_FRAME      1
#define EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE (EI_CLASSIFIER_RAW_SAMPLE_COUNT * EI_CLASSIFIER_RAW_SAMPLES_PER_FRAME)
#define EI_CLASSIFIER_INPUT_WIDTH                0
#define EI_CLASSIFIER_INPUT_HEIGHT               0
#define EI_CLASSIFIER_INTERVAL_MS                0.0625
#define EI_CLASSIFIER_LABEL_COUNT                3
#define EI_CLASSIFIER_HAS_ANOMALY                {anomaly}
#define EI_CLASSIFIER_FREQUENCY                  {frequency}
{more}
#define EI_CLASSIFIER_INFERENCING_ENGINE         EI_CLASSIFIER_TFLITE
#define EI_CLASSIFIER_COMPILED                   {compiled}
#define EI_CLASSIFIER_SENSOR                     EI_CLASSIFIER_SENSOR_MICROPHONE
#ifndef EI_CLASSIFIER_SLICES_PER_MODEL_WINDOW
#define EI_CLASSIFIER_SLICES_PER_MODEL_WINDOW    4
#endif // EI_CLASSIFIER_SLICES_PER_MODEL_WINDOW
#define EI_CLASSIFIER_SLICE_SIZE (EI_CLASSIFIER_RAW_SAMPLE_COUNT / EI_CLASSIFIER_SLICES_PER_MODEL_WINDOW)
#if EI_CLASSIFIER_INFERENCING_ENGINE == EI_CLASSIFIER_TFLITE && EI_CLASSIFIER_USE_FULL_TFLITE == 1
#undef EI_CLASSIFIER_INFERENCING_ENGINE
#define EI_CLASSIFIER_INFERENCING_ENGINE         EI_CLASSIFIER_TFLITE_FULL
#endif
{rest}
#endif
"""
TYPEDEF = """typedef struct {
    uint16_t implementation_version;
    int axes;
    int num_cepstral;
    float frame_length;
    float frame_stride;
    int num_filters;
    int fft_length;
} ei_dsp_config_mfcc_t;
"""
PLAIN = """ei_dsp_config_mfcc_t ei_dsp_config_3 = {
    1,
    1,
    13,
    0.02f,
    0.02f,
    32,
    256
};
"""
COMMENTED = """ei_dsp_config_mfcc_t ei_dsp_config_2 = {
    2, // uint32_t blockId
    4, // int implementationVersion
    1, // int length of axes
    ei_dsp_config_2_named_axes, // named axes
    13, // int num_cepstral
    0.02f, // float frame_length
    0.02f, // float frame_stride
    32, // int num_filters
    256, // int fft_length
    0.98f, // float pre_cof
    1 // int pre_shift
};
ei_learning_block_config_tflite_graph_t block = { .quantized = 1, };
"""
QUOTED = ", ".join(f'"{one}"' for one in LABELS)
CATEGORIES = f"const char* ei_classifier_inferencing_categories[] = {{ {QUOTED} }};\n"
STUDIO = "".join(
    f"#define EI_STUDIO_VERSION_{part}    {n}\n" for part, n in (("MAJOR", 1), ("MINOR", 92), ("PATCH", 20))
)


def to_array(model: bytes, name: str = "trained_tflite") -> str:
    rows = (", ".join(f"0x{byte:02x}" for byte in model[at : at + 12]) for at in range(0, len(model), 12))
    body = ",\n  ".join(rows)
    array = f"const unsigned char {name}[] ALIGN(16) = {{\n  {body}\n}};\n"
    return f'#include "x.h"\n{array}unsigned int {name}_len = {len(model)};\n'


def make(age: str, model: bytes) -> dict[str, bytes]:
    """The files of an export of an age that holds a model, unless EON compiled it away."""
    quantised = "#define EI_CLASSIFIER_TFLITE_INPUT_QUANTIZED 1"
    arena, largest = (f"#define EI_CLASSIFIER_TFLITE_{name}ARENA_SIZE" for name in ("", "LARGEST_"))
    more = {
        "eon 2021": f"{arena} 11468\n{quantised}",
        "two models 2022": f"{arena} (11000 + 468)\n{quantised}",
        "array 2024": f"{largest} 11468\n{quantised}\n" + STUDIO.replace("92", "59"),
        "eon 2025": f"{largest} 11468\n" + STUDIO.replace("92", "75"),
        "incbin 2026": f"{largest} 11468\n#define EI_CLASSIFIER_QUANTIZATION_ENABLED 1\n" + STUDIO,
    }
    rest = {"eon 2021": CATEGORIES + TYPEDEF + PLAIN, "two models 2022": TYPEDEF}
    compiled = age.startswith("eon")
    text = METADATA.format(anomaly=0, frequency=16000, compiled=int(compiled), more=more[age], rest=rest.get(age, ""))
    files = {"model-parameters/model_metadata.h": text, "edge-impulse-sdk/LICENSE": "none"}
    if age == "two models 2022":
        labels = ", ".join(f'"{one}"' for one in LABELS)
        impulse = f".quantized = true,\n    .categories = new const char*[3] {{{labels}}}\n"
        files["model-parameters/model_variables.h"] = PLAIN + f"const ei_impulse_t one = {{\n    {impulse}}};\n"
    elif age != "eon 2021":
        files["model-parameters/model_variables.h"] = CATEGORIES + COMMENTED
    if compiled:
        files |= {
            "tflite-model/tflite_learn_3_compiled.cpp": "int x;",
            "tflite-model/tflite_learn_3_compiled.h": "int x();",
        }
    elif age == "incbin 2026":
        files["tflite-model/tflite_learn_4711_3.cpp"] = 'INCBIN(tflite, "tflite-model/tflite_learn_4711_3.tflite");'
    else:
        files["tflite-model/trained_a.cpp"] = to_array(model)
    found = {name: data.encode() for name, data in files.items()}
    return found | ({"tflite-model/tflite_learn_4711_3.tflite": model} if age == "incbin 2026" else {})


def unpack(folder: Path, files: dict[str, bytes], below: str = "") -> Path:
    """The export as a folder."""
    for name, data in files.items():
        (folder / below / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / below / name).write_bytes(data)
    return folder


def pack(path: Path, files: dict[str, bytes], below: str = "") -> Path:
    """The export as a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{below}{name}", data)
    path.write_bytes(stream.getvalue())
    return path
