"""The CMSIS-NN files an export carries: where they come from, which are needed, and their hashes.

They come from the installed package `bakenn` 1.0.0 (Apache-2.0), which ships CMSIS-NN 4.0.0 and the two headers of
CMSIS-Core 5.9.0 it needs; no code of that package runs. What it changed in them says its BAKENN_PROVENANCE.md, which goes along.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from tinykit.errors import MissingPackageError

PACKAGE, PACKAGE_VERSION = "bakenn", "1.0.0"
INCLUDE_FOLDERS = ("cmsis_nn/freestanding", "cmsis_nn/Include", "cmsis_core/Include")
DEFINES = ("BAKENN_CMSIS_NN_BUILTIN_MEMORY",)
HOST_DEFINES = ("__GNUC_PYTHON__", "__RESTRICT=__restrict")
"""What lets the plain C paths compile on a host, without the Arm headers."""

_FOLDER = "backend/cmsis_nn/vendor"
_MATH_H = b"""/* CMSIS-NN includes math.h and uses nothing of it: with this, a compiler without a C library will do. */
#ifndef TINYKIT_FREESTANDING_MATH_H_
#define TINYKIT_FREESTANDING_MATH_H_
#endif
"""
NOTICE = b"""This folder holds third-party code under the Apache License 2.0.

cmsis_nn/     CMSIS-NN 4.0.0, Copyright Arm Limited and/or its affiliates, https://github.com/ARM-software/CMSIS-NN
cmsis_core/   CMSIS-Core 5.9.0, Copyright Arm Limited, https://github.com/ARM-software/CMSIS_5

Both as shipped in the Python package bakenn 1.0.0 (Apache-2.0, https://github.com/scienthoon/bakeNN); what it
changed is listed in cmsis_nn/BAKENN_PROVENANCE.md. The licence is in cmsis_nn/LICENSE.txt and
cmsis_core/LICENSE.txt. Nothing was changed after that; cmsis_nn/freestanding/math.h was added.
"""


def read_library(groups: Iterable[str]) -> dict[str, bytes]:
    """Relative path -> content of the library's files for some groups of operators; nothing for no group.

    Parameters
    ----------
    groups : of "convolution", "depthwise", "dense", "average_pool", "max_pool".

    Raises
    ------
    MissingPackageError : the package is not installed, or its files are not those that were checked.
    """
    wanted = sorted({path for group in groups for path in GROUPS[group]})
    if not wanted:
        return {}
    folder = _find_folder()
    files = {path: _read(folder, path) for path in (*_COMMON, *wanted)}
    return files | {"cmsis_nn/freestanding/math.h": _MATH_H, "NOTICE.txt": NOTICE}


def _find_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingPackageError(
            f"kernels 'cmsis-nn' need the package {PACKAGE}, which is not installed\n"
            "pip install 'tinykit[virtual-board]', or use kernels='portable'"
        )
    return Path(found.submodule_search_locations[0]) / _FOLDER


def _read(folder: Path, path: str) -> bytes:
    try:
        data = (folder / path).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != _SHA256[path]:
        raise MissingPackageError(
            f"{path} of the installed {PACKAGE} is not the file of version {PACKAGE_VERSION}\n"
            f"pip install --force-reinstall {PACKAGE}=={PACKAGE_VERSION}, or use kernels='portable'"
        )
    return data


_COMMON = (
    "cmsis_nn/Include/arm_nn_math_types.h",
    "cmsis_nn/Include/arm_nn_types.h",
    "cmsis_nn/Include/arm_nnfunctions.h",
    "cmsis_nn/Include/arm_nnsupportfunctions.h",
    "cmsis_nn/LICENSE.txt",
    "cmsis_core/Include/cmsis_compiler.h",
    "cmsis_core/Include/cmsis_gcc.h",
    "cmsis_core/LICENSE.txt",
    "cmsis_nn/BAKENN_PROVENANCE.md",
)
_SOURCE = "cmsis_nn/Source/"
_FILES = {
    "convolution": (
        "ConvolutionFunctions/arm_convolve_1_x_n_s8.c",
        "ConvolutionFunctions/arm_convolve_1x1_s8.c",
        "ConvolutionFunctions/arm_convolve_1x1_s8_fast.c",
        "ConvolutionFunctions/arm_convolve_s8.c",
        "ConvolutionFunctions/arm_convolve_wrapper_s8.c",
        "ConvolutionFunctions/arm_nn_mat_mult_kernel_s8_s16.c",
        "ConvolutionFunctions/arm_nn_mat_mult_s8.c",
        "NNSupportFunctions/arm_nn_mat_mul_core_1x_s8.c",
        "NNSupportFunctions/arm_nn_mat_mul_core_4x_s8.c",
        "NNSupportFunctions/arm_nn_mat_mult_nt_t_s8.c",
        "NNSupportFunctions/arm_q7_to_q15_with_offset.c",
    ),
    "depthwise": (
        "ConvolutionFunctions/arm_depthwise_conv_3x3_s8.c",
        "ConvolutionFunctions/arm_depthwise_conv_s8.c",
        "ConvolutionFunctions/arm_depthwise_conv_s8_opt.c",
        "ConvolutionFunctions/arm_depthwise_conv_wrapper_s8.c",
        "NNSupportFunctions/arm_nn_depthwise_conv_nt_t_padded_s8.c",
        "NNSupportFunctions/arm_nn_depthwise_conv_nt_t_s8.c",
        "NNSupportFunctions/arm_q7_to_q15_with_offset.c",
    ),
    "dense": (
        "FullyConnectedFunctions/arm_fully_connected_s8.c",
        "NNSupportFunctions/arm_nn_mat_mult_nt_t_s8.c",
        "NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c",
    ),
    "average_pool": (
        "PoolingFunctions/arm_avgpool_s8.c",
    ),
    "max_pool": (
        "PoolingFunctions/arm_max_pool_s8.c",
    ),
}
GROUPS = {group: tuple(_SOURCE + name for name in names) for group, names in _FILES.items()}
"""Source files by group of operators."""

_SHA256 = dict(
    line.split()[::-1]
    for line in """
    b51963d271c1571ca3463654c76aa7ea50c4eac5d0a2710df10414ac64d9e0f8 cmsis_core/Include/cmsis_compiler.h
    43bfd1fe69fbbc2ca70aaf7d43cc3e20f16e0c7f66e1bdef9b51af6dc14b2617 cmsis_core/Include/cmsis_gcc.h
    b40930bbcf80744c86c46a12bc9da056641d722716c378f5659b9e555ef833e1 cmsis_core/LICENSE.txt
    ccdab84cb7d43d5e522d1708371f3bff6521df6ab927daeb396e72bb0f910c47 cmsis_nn/BAKENN_PROVENANCE.md
    3f3c21e68b0fb07af8f43765477cc69a04f538a1eecd152d6d9caab331edae91 cmsis_nn/Include/arm_nn_math_types.h
    edbda39d2c9aa65b02366a18403ee0c710bad0c24deab39af5d5408ebdede7e6 cmsis_nn/Include/arm_nn_types.h
    576182dee8c156847fbdcbf92d5e9abf2c6f359ebeb7838fe08213ccad81ce21 cmsis_nn/Include/arm_nnfunctions.h
    ecad78ddb1abb0737c9beed6fdc750303bde5d7e98c8bcb92f10a21c954f2ca6 cmsis_nn/Include/arm_nnsupportfunctions.h
    b40930bbcf80744c86c46a12bc9da056641d722716c378f5659b9e555ef833e1 cmsis_nn/LICENSE.txt
    744ba8cf1b5f2b6ffb07eba1f6b4d9c694039d7dd7f3c747f9bba1c8d13c4640 cmsis_nn/Source/ConvolutionFunctions/arm_convolve_1_x_n_s8.c
    f805ed70d7a43a24069d6fb86ae48c68b61e3596fa55dd65c107e84b9948025c cmsis_nn/Source/ConvolutionFunctions/arm_convolve_1x1_s8.c
    c45e80f5d472adc6bcfdef6269d38120db17d1ea7b23e99eab26e2c334b0fe99 cmsis_nn/Source/ConvolutionFunctions/arm_convolve_1x1_s8_fast.c
    1c1cdf9fc96d2717b70fcec8c57085818c6bca05f9363ea6cc495e1432eb9e68 cmsis_nn/Source/ConvolutionFunctions/arm_convolve_s8.c
    a274232bc713f8fdd06e17d249bc6f82173c0297e8b843bbae2895fb7e4c29d6 cmsis_nn/Source/ConvolutionFunctions/arm_convolve_wrapper_s8.c
    0904a02a497b5bb3523b9bfb52ffa7fa0404458221c5abad5b8a88bd9d8422cc cmsis_nn/Source/ConvolutionFunctions/arm_depthwise_conv_3x3_s8.c
    403a9bb753a55c9be1f43b0fb7b558999c7c1c55152a0d90ea30571c004e55e2 cmsis_nn/Source/ConvolutionFunctions/arm_depthwise_conv_s8.c
    28bfa1416b04eb78569b221f6e999a7a1a676f5c5e0dc3066e6cce4230207563 cmsis_nn/Source/ConvolutionFunctions/arm_depthwise_conv_s8_opt.c
    78b3573be69568bab69b0ecfe27a202e8a5d85bb6614bca81274149c985c314c cmsis_nn/Source/ConvolutionFunctions/arm_depthwise_conv_wrapper_s8.c
    7e5da0f23fe6180b06eb0a8de6d532e0f7fa46615071a0322766dc514db9f2a1 cmsis_nn/Source/ConvolutionFunctions/arm_nn_mat_mult_kernel_s8_s16.c
    c26e28a2e053f81c1c3068f1faf746e44178186ee4d9edd70ca9c17ab2b3a5bd cmsis_nn/Source/ConvolutionFunctions/arm_nn_mat_mult_s8.c
    dec82727d32900c07f5a0cd6be1cb6e995bbbf75a7b11adf176c7306c6607b48 cmsis_nn/Source/FullyConnectedFunctions/arm_fully_connected_s8.c
    353606e214446234cedbb81517bf41324a2a5b43f939355ae61425fcdab9b019 cmsis_nn/Source/NNSupportFunctions/arm_nn_depthwise_conv_nt_t_padded_s8.c
    9075b39169ffa0a473e15bf878fc99a515b869ee004a5889a26a0ee106d8e4e8 cmsis_nn/Source/NNSupportFunctions/arm_nn_depthwise_conv_nt_t_s8.c
    4f775fb372b3decfcc12a6b1f6eaa0b77c47dadf00d5ee4677142e48af004259 cmsis_nn/Source/NNSupportFunctions/arm_nn_mat_mul_core_1x_s8.c
    3a01e3b9befd2a1a424d68f69aded5b3415cf8cf0ecc7e45f27cc02a22d65e1d cmsis_nn/Source/NNSupportFunctions/arm_nn_mat_mul_core_4x_s8.c
    22c07d959aa11960844a2e54aee01c9af6d5a78a1880f634a92d6acf9947b281 cmsis_nn/Source/NNSupportFunctions/arm_nn_mat_mult_nt_t_s8.c
    abcc13fd57874e61a0ba8a0750e9ee6d3e0e476267d3ade2bdc134e64a96f7ab cmsis_nn/Source/NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c
    acd8e32e5bf3ee50a965a68b42f431cd5533bb0f6399f68e998340388d0c0612 cmsis_nn/Source/NNSupportFunctions/arm_q7_to_q15_with_offset.c
    0549b383989334f8a2e2aa062a4d9c1ef526734baca623d7aaf64f94b6fe3c71 cmsis_nn/Source/PoolingFunctions/arm_avgpool_s8.c
    c43fa3ccdfde60c39dfb889257a3d1fa08a91736185337e7f2478995ecb3d79b cmsis_nn/Source/PoolingFunctions/arm_max_pool_s8.c
    """.strip().splitlines()
)
