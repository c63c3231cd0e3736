// The methods of TFLM's micro_mutable_op_resolver.h by name; like TFLM it refuses one more than N, and one twice.
#ifndef STUB_MICRO_MUTABLE_OP_RESOLVER_H_
#define STUB_MICRO_MUTABLE_OP_RESOLVER_H_

#include <string.h>

#include "tensorflow/lite/c/common.h"

namespace tflite {

class MicroOpResolver {
 public:
  virtual unsigned int registered() const = 0;
  virtual unsigned int capacity() const = 0;

 protected:
  ~MicroOpResolver() = default;
};

template <unsigned int tOpCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  unsigned int registered() const override { return count_; }
  unsigned int capacity() const override { return tOpCount; }

  TfLiteStatus AddAbs() { return Register("Abs"); }
  TfLiteStatus AddAdd() { return Register("Add"); }
  TfLiteStatus AddAddN() { return Register("AddN"); }
  TfLiteStatus AddArgMax() { return Register("ArgMax"); }
  TfLiteStatus AddArgMin() { return Register("ArgMin"); }
  TfLiteStatus AddAssignVariable() { return Register("AssignVariable"); }
  TfLiteStatus AddAveragePool2D() { return Register("AveragePool2D"); }
  TfLiteStatus AddBatchMatMul() { return Register("BatchMatMul"); }
  TfLiteStatus AddBatchToSpaceNd() { return Register("BatchToSpaceNd"); }
  TfLiteStatus AddBroadcastArgs() { return Register("BroadcastArgs"); }
  TfLiteStatus AddBroadcastTo() { return Register("BroadcastTo"); }
  TfLiteStatus AddCallOnce() { return Register("CallOnce"); }
  TfLiteStatus AddCast() { return Register("Cast"); }
  TfLiteStatus AddCeil() { return Register("Ceil"); }
  TfLiteStatus AddCircularBuffer() { return Register("CircularBuffer"); }
  TfLiteStatus AddConcatenation() { return Register("Concatenation"); }
  TfLiteStatus AddConv2D() { return Register("Conv2D"); }
  TfLiteStatus AddCos() { return Register("Cos"); }
  TfLiteStatus AddCumSum() { return Register("CumSum"); }
  TfLiteStatus AddDecode() { return Register("Decode"); }
  TfLiteStatus AddDelay() { return Register("Delay"); }
  TfLiteStatus AddDepthToSpace() { return Register("DepthToSpace"); }
  TfLiteStatus AddDepthwiseConv2D() { return Register("DepthwiseConv2D"); }
  TfLiteStatus AddDequantize() { return Register("Dequantize"); }
  TfLiteStatus AddDetectionPostprocess() { return Register("DetectionPostprocess"); }
  TfLiteStatus AddDiv() { return Register("Div"); }
  TfLiteStatus AddDynamicUpdateSlice() { return Register("DynamicUpdateSlice"); }
  TfLiteStatus AddElu() { return Register("Elu"); }
  TfLiteStatus AddEmbeddingLookup() { return Register("EmbeddingLookup"); }
  TfLiteStatus AddEnergy() { return Register("Energy"); }
  TfLiteStatus AddEqual() { return Register("Equal"); }
  TfLiteStatus AddEthosU() { return Register("EthosU"); }
  TfLiteStatus AddExp() { return Register("Exp"); }
  TfLiteStatus AddExpandDims() { return Register("ExpandDims"); }
  TfLiteStatus AddFftAutoScale() { return Register("FftAutoScale"); }
  TfLiteStatus AddFill() { return Register("Fill"); }
  TfLiteStatus AddFilterBank() { return Register("FilterBank"); }
  TfLiteStatus AddFilterBankLog() { return Register("FilterBankLog"); }
  TfLiteStatus AddFilterBankSpectralSubtraction() { return Register("FilterBankSpectralSubtraction"); }
  TfLiteStatus AddFilterBankSquareRoot() { return Register("FilterBankSquareRoot"); }
  TfLiteStatus AddFloor() { return Register("Floor"); }
  TfLiteStatus AddFloorDiv() { return Register("FloorDiv"); }
  TfLiteStatus AddFloorMod() { return Register("FloorMod"); }
  TfLiteStatus AddFramer() { return Register("Framer"); }
  TfLiteStatus AddFullyConnected() { return Register("FullyConnected"); }
  TfLiteStatus AddGather() { return Register("Gather"); }
  TfLiteStatus AddGatherNd() { return Register("GatherNd"); }
  TfLiteStatus AddGreater() { return Register("Greater"); }
  TfLiteStatus AddGreaterEqual() { return Register("GreaterEqual"); }
  TfLiteStatus AddHardSwish() { return Register("HardSwish"); }
  TfLiteStatus AddIf() { return Register("If"); }
  TfLiteStatus AddIrfft() { return Register("Irfft"); }
  TfLiteStatus AddL2Normalization() { return Register("L2Normalization"); }
  TfLiteStatus AddL2Pool2D() { return Register("L2Pool2D"); }
  TfLiteStatus AddLeakyRelu() { return Register("LeakyRelu"); }
  TfLiteStatus AddLess() { return Register("Less"); }
  TfLiteStatus AddLessEqual() { return Register("LessEqual"); }
  TfLiteStatus AddLog() { return Register("Log"); }
  TfLiteStatus AddLogicalAnd() { return Register("LogicalAnd"); }
  TfLiteStatus AddLogicalNot() { return Register("LogicalNot"); }
  TfLiteStatus AddLogicalOr() { return Register("LogicalOr"); }
  TfLiteStatus AddLogistic() { return Register("Logistic"); }
  TfLiteStatus AddLogSoftmax() { return Register("LogSoftmax"); }
  TfLiteStatus AddMaximum() { return Register("Maximum"); }
  TfLiteStatus AddMaxPool2D() { return Register("MaxPool2D"); }
  TfLiteStatus AddMean() { return Register("Mean"); }
  TfLiteStatus AddMinimum() { return Register("Minimum"); }
  TfLiteStatus AddMirrorPad() { return Register("MirrorPad"); }
  TfLiteStatus AddMul() { return Register("Mul"); }
  TfLiteStatus AddNeg() { return Register("Neg"); }
  TfLiteStatus AddNotEqual() { return Register("NotEqual"); }
  TfLiteStatus AddOverlapAdd() { return Register("OverlapAdd"); }
  TfLiteStatus AddPack() { return Register("Pack"); }
  TfLiteStatus AddPad() { return Register("Pad"); }
  TfLiteStatus AddPadV2() { return Register("PadV2"); }
  TfLiteStatus AddPCAN() { return Register("PCAN"); }
  TfLiteStatus AddPrelu() { return Register("Prelu"); }
  TfLiteStatus AddQuantize() { return Register("Quantize"); }
  TfLiteStatus AddReadVariable() { return Register("ReadVariable"); }
  TfLiteStatus AddReduceAll() { return Register("ReduceAll"); }
  TfLiteStatus AddReduceMax() { return Register("ReduceMax"); }
  TfLiteStatus AddReduceMin() { return Register("ReduceMin"); }
  TfLiteStatus AddRelu() { return Register("Relu"); }
  TfLiteStatus AddRelu6() { return Register("Relu6"); }
  TfLiteStatus AddReshape() { return Register("Reshape"); }
  TfLiteStatus AddResizeBilinear() { return Register("ResizeBilinear"); }
  TfLiteStatus AddResizeNearestNeighbor() { return Register("ResizeNearestNeighbor"); }
  TfLiteStatus AddReverseV2() { return Register("ReverseV2"); }
  TfLiteStatus AddRfft() { return Register("Rfft"); }
  TfLiteStatus AddRound() { return Register("Round"); }
  TfLiteStatus AddRsqrt() { return Register("Rsqrt"); }
  TfLiteStatus AddSelectV2() { return Register("SelectV2"); }
  TfLiteStatus AddShape() { return Register("Shape"); }
  TfLiteStatus AddSin() { return Register("Sin"); }
  TfLiteStatus AddSlice() { return Register("Slice"); }
  TfLiteStatus AddSoftmax() { return Register("Softmax"); }
  TfLiteStatus AddSpaceToBatchNd() { return Register("SpaceToBatchNd"); }
  TfLiteStatus AddSpaceToDepth() { return Register("SpaceToDepth"); }
  TfLiteStatus AddSplit() { return Register("Split"); }
  TfLiteStatus AddSplitV() { return Register("SplitV"); }
  TfLiteStatus AddSqrt() { return Register("Sqrt"); }
  TfLiteStatus AddSquare() { return Register("Square"); }
  TfLiteStatus AddSquaredDifference() { return Register("SquaredDifference"); }
  TfLiteStatus AddSqueeze() { return Register("Squeeze"); }
  TfLiteStatus AddStacker() { return Register("Stacker"); }
  TfLiteStatus AddStridedSlice() { return Register("StridedSlice"); }
  TfLiteStatus AddSub() { return Register("Sub"); }
  TfLiteStatus AddSum() { return Register("Sum"); }
  TfLiteStatus AddSvdf() { return Register("Svdf"); }
  TfLiteStatus AddTanh() { return Register("Tanh"); }
  TfLiteStatus AddTranspose() { return Register("Transpose"); }
  TfLiteStatus AddTransposeConv() { return Register("TransposeConv"); }
  TfLiteStatus AddUnidirectionalSequenceLSTM() { return Register("UnidirectionalSequenceLSTM"); }
  TfLiteStatus AddUnpack() { return Register("Unpack"); }
  TfLiteStatus AddVarHandle() { return Register("VarHandle"); }
  TfLiteStatus AddWhile() { return Register("While"); }
  TfLiteStatus AddWindow() { return Register("Window"); }
  TfLiteStatus AddZerosLike() { return Register("ZerosLike"); }

 private:
  TfLiteStatus Register(const char* name) {
    for (unsigned int i = 0; i < count_; ++i) {
      if (strcmp(names_[i], name) == 0) {
        return kTfLiteError;
      }
    }
    if (count_ == tOpCount) {
      return kTfLiteError;
    }
    names_[count_++] = name;
    return kTfLiteOk;
  }

  const char* names_[tOpCount] = {};
  unsigned int count_ = 0;
};

}  // namespace tflite

#endif
