"""Operators of torch that a stranger's program may use: arithmetic, and nothing besides.

None of them reads or writes a file, reaches beyond its arguments' storage or calls anything else.
Programs of TorchScript and of torch.export are held against the same list.
"""

ARITHMETIC = frozenset(
    """
    _adaptive_avg_pool2d _log_softmax _native_batch_norm_legit_no_training _prelu_kernel _softmax
    _to_copy _unsafe_view
    abs acos adaptive_avg_pool2d add addbmm addcdiv addcmul addmm addmv alias all amax amin any
    arange argmax argmin asin atan atan2 avg_pool2d baddbmm batch_norm bitwise_and bitwise_not
    bitwise_or bmm cat ceil celu chunk clamp clamp_max clamp_min clip clone concat constant_pad_nd
    contiguous conv1d conv2d convolution copy cos cosh cumsum detach dim div dot dropout einsum elu
    embedding eq erf exp expand expand_as expm1 flatten flip floor floor_divide fmod format full
    full_like gather ge gelu glu group_norm gt hardsigmoid hardswish hardtanh index index_select
    item layer_norm le leaky_relu len lift_fresh_copy linalg_vector_norm linear list log log1p log2
    log_sigmoid log_softmax logical_and logical_not logical_or logical_xor logsumexp lt masked_fill
    matmul max max_pool2d max_pool2d_with_indices maximum mean min minimum mish mm movedim mul mv
    nan_to_num narrow native_group_norm native_layer_norm ne neg new_full new_ones new_zeros norm
    numel ones ones_like outer pad permute pow prelu prod reciprocal relu relu6 remainder repeat
    reshape rms_norm roll round rsqrt rsub scalar_tensor scaled_dot_product_attention select
    select_scatter selu sigmoid sign silu sin sinh size slice slice_scatter softmax softplus
    softsign split split_with_sizes sqrt square squeeze stack std sub sum t tan
    tanh tensor tile to transpose tril triu trunc type_as unbind unflatten unsqueeze var var_mean
    view where zeros zeros_like
    __and__ __contains__ __getitem__ __is__ __isnot__ __not__ __or__
    """.split()
)
"""Operators whose results depend on their arguments alone."""

MEMORY = frozenset("copy_ gru gru_cell lstm lstm_cell rnn_relu_cell rnn_tanh_cell".split())
"""Operators of recurrent programs; `copy_` is how one keeps its memory in a buffer."""
