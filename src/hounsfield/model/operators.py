"""Operators of the ``ai.onnx`` domain that a network may use: feed-forward, repeatable, without subgraphs or strings.

GRU and LSTM run as often as their input is long, which the check of sizes bounds.

Left out on purpose: Loop, Scan, If and the sequence operators (time without bound), the random operators and Dropout in
training mode (no two runs alike), the string operators, and those whose output size depends on the samples (NonZero,
Unique, Compress, NonMaxSuppression).
"""

_ELEMENTWISE = """
Abs Add And Cast CastLike Ceil Celu Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid
HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow
Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Sub Sum Swish Tanh ThresholdedRelu Where Xor
"""
_LAYERS = """
AveragePool BatchNormalization Conv ConvTranspose DequantizeLinear Dropout DynamicQuantizeLinear Einsum GRU Gemm
GlobalAveragePool GlobalLpPool GlobalMaxPool GroupNormalization InstanceNormalization LRN LayerNormalization
LSTM LpNormalization LpPool MatMul MatMulInteger MaxPool QLinearConv QLinearMatMul QuantizeLinear RMSNormalization
"""
_REDUCTIONS = """
ArgMax ArgMin CumSum LogSoftmax ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
ReduceSum ReduceSumSquare Softmax TopK
"""
_SHAPES = """
Concat Constant ConstantOfShape DepthToSpace Expand Flatten Gather GatherElements GatherND Pad Reshape Resize Shape Size
Slice SpaceToDepth Split Squeeze Tile Transpose Trilu Unsqueeze
"""

ALLOWED = frozenset(f"{_ELEMENTWISE} {_LAYERS} {_REDUCTIONS} {_SHAPES}".split())
"""Names of the operators that may be used."""
