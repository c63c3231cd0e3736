// {{ name }}: the impulse, for Edge Impulse's inferencing SDK. Written by tinykit; included by ei_run_classifier.h alone.
#ifndef EI_CLASSIFIER_MODEL_VARIABLES_H
#define EI_CLASSIFIER_MODEL_VARIABLES_H

#include "model_metadata.h"
#include "tflite-model/tflite_learn_1_2.h"
#include "edge-impulse-sdk/classifier/ei_model_types.h"
#include "edge-impulse-sdk/classifier/inferencing_engines/engines.h"
#include "edge-impulse-sdk/classifier/postprocessing/ei_postprocessing_common.h"

const char* ei_classifier_inferencing_categories[] = { {{ quoted }} };

EI_CLASSIFIER_DSP_AXES_INDEX_TYPE ei_dsp_config_1_axes[] = { 0 };
const uint32_t ei_dsp_config_1_axes_size = 1;
ei_dsp_config_raw_t ei_dsp_config_1 = {
    1, // uint32_t blockId
    1, // int implementationVersion
    1, // int length of axes
    1.0f // float scale-axes
};

const uint8_t ei_dsp_blocks_size = 1;
ei_model_dsp_t ei_dsp_blocks[ei_dsp_blocks_size] = {
    { 1, {{ features }}, &extract_raw_features, (void*)&ei_dsp_config_1, ei_dsp_config_1_axes, ei_dsp_config_1_axes_size, 1, nullptr }
};

const ei_config_tflite_graph_t ei_config_graph_2 = {
    .implementation_version = 1,
    .model = tflite_learn_1_2,
    .model_size = tflite_learn_1_2_len,
    .arena_size = EI_CLASSIFIER_TFLITE_LARGEST_ARENA_SIZE
};
const uint8_t ei_output_tensors_indices_2[1] = { 0 };
const uint8_t ei_output_tensors_size_2 = 1;
ei_learning_block_config_tflite_graph_t ei_learning_block_config_2 = {
    .implementation_version = 1,
    .block_id = 2,
    .output_tensors_indices = ei_output_tensors_indices_2,
    .output_tensors_size = ei_output_tensors_size_2,
    .quantized = {{ 1 if int8 else 0 }},
    .compiled = 0,
    .graph_config = (void*)&ei_config_graph_2,
    .dequantize_output = 0
};
const uint8_t ei_learning_blocks_size = 1;
const uint32_t ei_learning_block_2_inputs[1] = { 1 };
const uint8_t ei_learning_block_2_inputs_size = 1;
const ei_learning_block_t ei_learning_blocks[ei_learning_blocks_size] = {
    { 2, &run_nn_inference, (void*)&ei_learning_block_config_2, EI_CLASSIFIER_IMAGE_SCALING_NONE, ei_learning_block_2_inputs, ei_learning_block_2_inputs_size }
};

{% if int8 %}
ei_fill_result_classification_i8_config_t ei_fill_result_classification_i8_config_2 = {
    .zero_point = {{ zero_point }},
    .scale = {{ scale }}
};
{% else %}
ei_fill_result_classification_f32_config_t ei_fill_result_classification_f32_config_2 = { };
{% endif %}
const size_t ei_postprocessing_blocks_size = 1;
const ei_postprocessing_block_t ei_postprocessing_blocks[ei_postprocessing_blocks_size] = {
    {
        .block_id = 2,
        .type = EI_CLASSIFIER_MODE_CLASSIFICATION,
        .init_fn = NULL,
        .deinit_fn = NULL,
        .postprocess_fn = &process_classification_{{ "i8" if int8 else "f32" }},
        .display_fn = NULL,
        .config = (void*)&ei_fill_result_classification_{{ "i8" if int8 else "f32" }}_config_2,
        .input_block_id = 2
    }
};
const uint8_t freeform_outputs_size = 0;
uint32_t *freeform_outputs = nullptr;

const ei_impulse_t impulse_1_0 = {
    .project_id = EI_CLASSIFIER_PROJECT_ID,
    .project_owner = EI_CLASSIFIER_PROJECT_OWNER,
    .project_name = EI_CLASSIFIER_PROJECT_NAME,
    .impulse_id = 1,
    .impulse_name = "Impulse 1",
    .deploy_version = EI_CLASSIFIER_PROJECT_DEPLOY_VERSION,
    .nn_input_frame_size = EI_CLASSIFIER_NN_INPUT_FRAME_SIZE,
    .raw_sample_count = EI_CLASSIFIER_RAW_SAMPLE_COUNT,
    .raw_samples_per_frame = EI_CLASSIFIER_RAW_SAMPLES_PER_FRAME,
    .dsp_input_frame_size = EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE,
    .input_width = 0,
    .input_height = 0,
    .input_frames = 0,
    .interval_ms = EI_CLASSIFIER_INTERVAL_MS,
    .frequency = EI_CLASSIFIER_FREQUENCY,
    .dsp_blocks_size = ei_dsp_blocks_size,
    .dsp_blocks = ei_dsp_blocks,
    .learning_blocks_size = ei_learning_blocks_size,
    .learning_blocks = ei_learning_blocks,
    .postprocessing_blocks_size = ei_postprocessing_blocks_size,
    .postprocessing_blocks = ei_postprocessing_blocks,
    .output_tensors_size = 1,
    .inferencing_engine = EI_CLASSIFIER_TFLITE,
    .sensor = EI_CLASSIFIER_SENSOR_UNKNOWN,
    .fusion_string = "features",
    .slice_size = EI_CLASSIFIER_SLICE_SIZE,
    .slices_per_model_window = EI_CLASSIFIER_SLICES_PER_MODEL_WINDOW,
    .has_anomaly = EI_ANOMALY_TYPE_UNKNOWN,
    .label_count = EI_CLASSIFIER_LABEL_COUNT,
    .categories = ei_classifier_inferencing_categories,
    .results_type = EI_CLASSIFIER_TYPE_CLASSIFICATION,
    .freeform_outputs_size = freeform_outputs_size,
    .freeform_outputs = freeform_outputs
};
ei_impulse_handle_t impulse_handle_1_0 = ei_impulse_handle_t(&impulse_1_0);
ei_impulse_handle_t& ei_default_impulse = impulse_handle_1_0;

#endif
