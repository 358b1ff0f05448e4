"""Mutants that pass the checks because they change nothing: each with the reason.

`test_mutation` shows of each that it agrees with the reference on 1,000 random inputs. Exercise:
((version, change), reason), where the version is "reference" or "right 1", "right 2", ...
"""

_ONE_AXIS = "the tensor has one axis: -1 and 0 are the same"
_NO_GRADIENT = "a step of training is not differentiated itself: a gradient may be cut off"
_TWO_AXES = "the tensor has two axes: 1 and -1 are the same"
_ZIP = "there is one value for each key, so `strict` has nothing to find"
_EQUAL_WIDTH = "queries and keys are equally wide"
_ONE_VALUE_A_KEY = "there is one value for each key"
_SELF_ATTENTION = "in causal self-attention there is one query for each key and value"
_BOOLEAN = "only shape and device are read: what is made of them has no gradient"
_ANY_SHIFT = "softmax is the same whatever is subtracted: the gradient of the shift cancels"
_LEADING = "the leading axes of the mask are broadcast to these anyway"
_NO_SIGN = "a distance has no sign"
_ZERO_OVER = "a total of 0 stands under powers that are 0 too: any other number gives 0"
_ZEROS = "zeros of the same shape, dtype and device, which have no gradient"
_SQUARE = "the matrix from state to state is square"
_ONLY_SHAPE = "only the shape is read"
_NO_EMPTY_PIECE = "no piece is empty, so to ask for it finds nothing"
_BEYOND = "a slice beyond the end of a word is the slice to its end"
_SAME_WIDTH = "scale and shift are as wide as a token"
_WHOLE_NUMBERS = "token ids are whole numbers, which have no gradient"
_WHOLE = "whole numbers, and what is made of them alone, have no gradient"
_ONE_A_BATCH = "there is one loss for each count, so `strict` has nothing to find"
_OVERWRITTEN = "those whose fate is 8 are overwritten by the next step"
_BOOL_ADDED = "a truth value and a whole number add up to the same whole number"
_NOTHING_ADDED = "zeros are added or subtracted"
_AS_LONG = "both lists are as long, so `strict` has nothing to find"
_TWO_WORDS = "an embedding's name has two words before its kind: the second is the last"
_MASK_A_TEXT = "there is one mask for each text, so `strict` has nothing to find"
_NO_GRADIENT_READ = "a tensor that was read from a file has no gradient"
_ONE_ROW = "there is one row, so the first is the last"
_TWO_BY_TWO = "r stands in the last column of a matrix of two by two"
_CENTRED = "both sides are centred, so no gradient comes through their means"
_ONLY_DTYPE = "only dtype and device are taken over"
_BOTH_TURN = "all three change their sign, so no product does"
_KEPT = "what is kept has no gradient, nor has what leads to it"
_NO_SHARE = "padding has a share of zero, so any finite number does there"
_RATES = "depths are whole numbers, and rates have no gradient"

EQUIVALENT: dict[str, dict[tuple[str, str], str]] = {
    "self_attention.soft_lookup": {
        (
            "reference",
            "weights = torch.softmax(scores, dim=0) -> weights = torch.softmax(scores, dim=-1)",
        ): _ONE_AXIS,
        (
            "right 1",
            "weights = scores.softmax(-1) -> weights = scores.softmax(0)",
        ): _ONE_AXIS,
        (
            "right 1",
            "return sum((weight * value for weight, value in zip(weights, values, strict=True)))"
            " -> return sum((weight * value for weight, value in zip(weights, values)))",
        ): _ZIP,
        (
            "right 1",
            "return sum((weight * value for weight, value in zip(weights, values, strict=True)))"
            " -> "
            "return sum((weight * value for weight, value in zip(weights, values, strict=False)))",
        ): _ZIP,
        (
            "right 2",
            "weights = functional.softmax(torch.einsum('kd,d->k', keys, query), dim=0) -> "
            "weights = functional.softmax(torch.einsum('kd,d->k', keys, query))",
        ): "of one axis torch takes that one, with a warning that it guessed",
        (
            "right 2",
            "weights = functional.softmax(torch.einsum('kd,d->k', keys, query), dim=0) -> "
            "weights = functional.softmax(torch.einsum('kd,d->k', keys, query), dim=-1)",
        ): _ONE_AXIS,
        (
            "right 3",
            "scores = (keys * query).sum(dim=1, keepdim=True) -> "
            "scores = (keys * query).sum(dim=-1, keepdim=True)",
        ): _TWO_AXES,
        (
            "right 3",
            "unnormalised = torch.exp(scores - scores.max()) -> "
            "unnormalised = torch.exp(scores - scores.detach().max())",
        ): _ANY_SHIFT,
    },
    "self_attention.attention": {
        (
            "reference",
            "scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5 -> "
            "scores = query @ key.transpose(-2, -1) / key.size(-1) ** 0.5",
        ): _EQUAL_WIDTH,
        (
            "right 1",
            "scores = torch.einsum('...qd,...kd->...qk', query, key) * query.shape[-1] ** (-0.5)"
            " -> scores = torch.einsum('...qd,...kd->...qk', query, key) * key.shape[-1] ** (-0.5)",
        ): _EQUAL_WIDTH,
        (
            "right 1",
            "mask = torch.ones_like(scores, dtype=torch.bool) -> "
            "mask = torch.ones_like(scores.detach(), dtype=torch.bool)",
        ): _BOOLEAN,
        (
            "right 1",
            "weights = torch.nan_to_num(scores.softmax(dim=-1), nan=0.0) -> "
            "weights = torch.nan_to_num(scores.softmax(dim=-1))",
        ): "0 is what `nan_to_num` puts in unless told otherwise",
        ("right 2", "width = key.shape[-1] -> width = query.shape[-1]"): _EQUAL_WIDTH,
        (
            "right 2",
            "powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True).detach()) -> "
            "powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True))",
        ): _ANY_SHIFT,
        (
            "right 2",
            "powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True).detach()) -> "
            "powers = torch.exp(scores - scores.detach().amax(dim=-1, keepdim=True).detach())",
        ): "cut off twice is cut off",
        (
            "right 2",
            "weights = powers / torch.where(total == 0, 1.0, total) -> "
            "weights = powers / torch.where(total == 0, 2, total)",
        ): _ZERO_OVER,
        (
            "right 2",
            "weights = powers / torch.where(total == 0, 1.0, total) -> "
            "weights = powers / torch.where(total == 0, -1, total)",
        ): _ZERO_OVER,
        (
            "right 2",
            "weights = powers / torch.where(total == 0, 1.0, total) -> "
            "weights = powers / torch.where(total.detach() == 0, 1.0, total)",
        ): "a comparison has no gradient",
        (
            "right 3",
            "seen = torch.ones_like(scores, dtype=torch.bool) -> "
            "seen = torch.ones_like(scores.detach(), dtype=torch.bool)",
        ): _BOOLEAN,
        (
            "right 3",
            "seen = seen & all_rows[..., position, :] -> seen = all_rows[..., position, :]",
        ): "what is joined is True everywhere",
        (
            "right 3",
            "scores = (one * key).sum(dim=-1) / query.shape[-1] ** 0.5 -> "
            "scores = (one * key).sum(dim=-1) / key.shape[-1] ** 0.5",
        ): _EQUAL_WIDTH,
        (
            "right 3",
            "all_rows = mask.expand(*mask.shape[:-2], query.shape[-2], key.shape[-2]) -> "
            "all_rows = mask.expand(*mask.shape[:-2], query.shape[-2], value.shape[-2])",
        ): _ONE_VALUE_A_KEY,
        (
            "right 3",
            "all_rows = mask.expand(*mask.shape[:-2], query.shape[-2], key.shape[-2]) -> "
            "all_rows = mask.expand(*(~mask).shape[:-2], query.shape[-2], key.shape[-2])",
        ): "only its shape is read",
        (
            "right 3",
            "all_rows = mask.expand(*mask.shape[:-2], query.shape[-2], key.shape[-2]) -> "
            "all_rows = mask.expand(*query.shape[:-2], query.shape[-2], key.shape[-2])",
        ): _LEADING,
        (
            "right 3",
            "all_rows = mask.expand(*mask.shape[:-2], query.shape[-2], key.shape[-2]) -> "
            "all_rows = mask.expand(*key.shape[:-2], query.shape[-2], key.shape[-2])",
        ): _LEADING,
        (
            "right 3",
            "all_rows = mask.expand(*mask.shape[:-2], query.shape[-2], key.shape[-2]) -> "
            "all_rows = mask.expand(*value.shape[:-2], query.shape[-2], key.shape[-2])",
        ): _LEADING,
    },
    "self_attention.padding": {
        (
            "right 1",
            "rows = [[place < length for place in range(seq_len)] for length in lengths.tolist()]"
            " -> rows = [[place < length for place in range(seq_len)] for length in lengths]",
        ): "a number below a tensor of one number is a tensor of one truth value",
        (
            "right 1",
            "return torch.tensor(rows, dtype=torch.bool).unsqueeze(1) -> "
            "return torch.tensor(rows).unsqueeze(1)",
        ): "truth values make a bool tensor unless told otherwise",
        (
            "right 2",
            "mask[row, 0, :length] = True -> mask[row, -1, :length] = True",
        ): "the middle axis has one place, which is both the first and the last",
        (
            "right 3",
            "return torch.ge(lengths.view(-1, 1, 1) - 1, torch.arange(seq_len).view(1, 1, -1)) -> "
            "return torch.ge(lengths.view(-1, 1, 1) - 1, torch.arange(seq_len))",
        ): "broadcasting adds the leading axes by itself",
    },
    "self_attention.late_mask": {
        (
            "reference",
            "scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5 -> "
            "scores = query @ key.transpose(-2, -1) / key.size(-1) ** 0.5",
        ): _EQUAL_WIDTH,
        (
            "reference",
            "future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1) -> "
            "future = torch.ones_like(scores.detach(), dtype=torch.bool).triu(diagonal=1)",
        ): _BOOLEAN,
        (
            "right 1",
            "scores = torch.einsum('...qd,...kd->...qk', query, key) / math.sqrt(key.shape[-1]) -> "
            "scores = torch.einsum('...qd,...kd->...qk', query, key) / math.sqrt(query.shape[-1])",
        ): _EQUAL_WIDTH,
        (
            "right 1",
            "position = torch.arange(query.shape[-2]) -> position = torch.arange(key.shape[-2])",
        ): _SELF_ATTENTION,
        (
            "right 1",
            "position = torch.arange(query.shape[-2]) -> position = torch.arange(value.shape[-2])",
        ): _SELF_ATTENTION,
        (
            "right 3",
            "for last in range(query.shape[-2]): -> for last in range(key.shape[-2]):",
        ): _SELF_ATTENTION,
        (
            "right 3",
            "for last in range(query.shape[-2]): -> for last in range(value.shape[-2]):",
        ): _SELF_ATTENTION,
        (
            "right 3",
            "share = torch.softmax(scores / query.shape[-1] ** 0.5, dim=-1) -> "
            "share = torch.softmax(scores / key.shape[-1] ** 0.5, dim=-1)",
        ): _EQUAL_WIDTH,
    },
    "positional_encoding.alibi": {
        (
            "reference",
            "distance = (key_at[None, :] - query_at[:, None]).abs() -> "
            "distance = (query_at[:, None] - key_at[None, :]).abs()",
        ): _NO_SIGN,
        (
            "right 1",
            "distance = (key_at - query_at.unsqueeze(1)).abs() -> "
            "distance = (query_at.unsqueeze(1) - key_at).abs()",
        ): _NO_SIGN,
        (
            "right 1",
            "distance = (key_at - query_at.unsqueeze(1)).abs() -> "
            "distance = (key_at - query_at.unsqueeze(-1)).abs()",
        ): _ONE_AXIS,
        (
            "right 2",
            "distance = (query_at[:, None] - key_at).abs().float() -> "
            "distance = (query_at[:, None] - key_at).abs()",
        ): "einsum makes floats of whole numbers beside floats by itself",
        (
            "right 2",
            "distance = (query_at[:, None] - key_at).abs().float() -> "
            "distance = (key_at - query_at[:, None]).abs().float()",
        ): _NO_SIGN,
    },
    "positional_encoding.left_padding": {
        (
            "reference",
            "return (is_token.cumsum(dim=-1) - 1).clamp(min=0) -> "
            "return (is_token.cumsum(dim=1) - 1).clamp(min=0)",
        ): _TWO_AXES,
        (
            "right 1",
            "place = torch.arange(is_token.shape[-1]) -> place = torch.arange(is_token.shape[1])",
        ): _TWO_AXES,
        (
            "right 1",
            "padding = (~is_token).sum(dim=-1, keepdim=True) -> "
            "padding = (~is_token).sum(dim=1, keepdim=True)",
        ): _TWO_AXES,
        (
            "right 2",
            "return torch.where(is_token, is_token.cumsum(-1) - 1, 0) -> "
            "return torch.where(is_token, is_token.cumsum(1) - 1, 0)",
        ): _TWO_AXES,
        (
            "right 3",
            "length = is_token.shape[-1] -> length = is_token.shape[1]",
        ): _TWO_AXES,
    },
    "sequences_before_attention.recurrent": {
        (
            "reference",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = w_input.new_zeros(x.size(0), w_state.size(0))",
        ): _ZEROS,
        (
            "reference",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = w_state.new_zeros(x.size(0), w_state.size(0))",
        ): _ZEROS,
        (
            "reference",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = bias.new_zeros(x.size(0), w_state.size(0))",
        ): _ZEROS,
        (
            "reference",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = x.detach().new_zeros(x.size(0), w_state.size(0))",
        ): _ZEROS,
        (
            "reference",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = x.new_zeros(x.size(0), w_state.size(1))",
        ): _SQUARE,
        (
            "reference",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = x.new_zeros(x.size(0), w_state.size(-1))",
        ): _SQUARE,
        (
            "reference",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = x.new_zeros(x.size(0), bias.size(0))",
        ): "the state is as wide as its bias",
        (
            "right 2",
            "state = torch.zeros_like(x[:, 0] @ w_input) -> "
            "state = torch.zeros_like(x[:, 0] @ w_input.detach())",
        ): _ZEROS,
        (
            "right 2",
            "state = torch.zeros_like(x[:, 0] @ w_input) -> "
            "state = torch.zeros_like(x.detach()[:, 0] @ w_input)",
        ): _ZEROS,
        (
            "right 2",
            "state = torch.zeros_like(x[:, 0] @ w_input) -> "
            "state = torch.zeros_like(x[:, -1] @ w_input)",
        ): _ONLY_SHAPE,
        (
            "right 2",
            "state = (torch.cat([token, state], dim=-1) @ both + bias).tanh() -> "
            "state = (torch.cat([token, state], dim=1) @ both + bias).tanh()",
        ): _TWO_AXES,
        (
            "right 3",
            "state = torch.zeros_like(bias) -> state = torch.zeros_like(bias.detach())",
        ): _ZEROS,
    },
    "sequences_before_attention.convolution": {
        (
            "reference",
            "rows = (weight.size(0) - 1) * dilation -> rows = weight.size(0) * dilation",
        ): "more zeros in front than are read: the taps count from `rows`",
        (
            "reference",
            "rows = (weight.size(0) - 1) * dilation -> rows = (weight.size(0) + 1) * dilation",
        ): "more zeros in front than are read: the taps count from `rows`",
        (
            "reference",
            "rows = (weight.size(0) - 1) * dilation -> rows = (weight.size(0) - 0) * dilation",
        ): "more zeros in front than are read: the taps count from `rows`",
        (
            "reference",
            "rows = (weight.size(0) - 1) * dilation -> rows = (weight.size(0) - -1) * dilation",
        ): "more zeros in front than are read: the taps count from `rows`",
        (
            "reference",
            "padded = functional.pad(x, (0, 0, rows, 0)) -> "
            "padded = functional.pad(x, (0, 0, rows, 1))",
        ): "a row of zeros behind, which no tap reads",
        (
            "right 1",
            "rows = (len(weight) - 1) * dilation -> rows = (len(weight.detach()) - 1) * dilation",
        ): "only the number of taps is read",
        (
            "right 2",
            "for back in range(1, len(weight)): -> for back in range(1, len(weight.detach())):",
        ): "only the number of taps is read",
        (
            "right 3",
            "for _ in weight: -> for _ in weight.detach():",
        ): "only the number of taps is read",
        (
            "right 3",
            "shifted = torch.cat([nothing, shifted], dim=1)[:, :x.size(1)] -> "
            "shifted = torch.cat([nothing.detach(), shifted], dim=1)[:, :x.size(1)]",
        ): _ZEROS,
        (
            "right 3",
            "nothing = torch.zeros_like(x[:, :1]).repeat(1, dilation, 1) -> "
            "nothing = torch.zeros_like(x.detach()[:, :1]).repeat(1, dilation, 1)",
        ): _ZEROS,
    },
    "sequences_before_attention.carried_state": {
        (
            "reference",
            "state = x.new_zeros(w_state.size(0)) -> state = w_input.new_zeros(w_state.size(0))",
        ): _ZEROS,
        (
            "reference",
            "state = x.new_zeros(w_state.size(0)) -> state = w_state.new_zeros(w_state.size(0))",
        ): _ZEROS,
        (
            "reference",
            "state = x.new_zeros(w_state.size(0)) -> state = x.detach().new_zeros(w_state.size(0))",
        ): _ZEROS,
        (
            "reference",
            "state = x.new_zeros(w_state.size(0)) -> state = x.new_zeros(w_state.size(1))",
        ): _SQUARE,
        (
            "reference",
            "state = x.new_zeros(w_state.size(0)) -> state = x.new_zeros(w_state.size(-1))",
        ): _SQUARE,
        (
            "right 1",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = w_input.new_zeros(x.size(0), w_state.size(0))",
        ): _ZEROS,
        (
            "right 1",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = w_state.new_zeros(x.size(0), w_state.size(0))",
        ): _ZEROS,
        (
            "right 1",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = x.detach().new_zeros(x.size(0), w_state.size(0))",
        ): _ZEROS,
        (
            "right 1",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = x.new_zeros(x.size(0), w_state.size(1))",
        ): _SQUARE,
        (
            "right 1",
            "state = x.new_zeros(x.size(0), w_state.size(0)) -> "
            "state = x.new_zeros(x.size(0), w_state.size(-1))",
        ): _SQUARE,
        (
            "right 3",
            "state = torch.zeros_like(x[:, 0] @ w_input) -> "
            "state = torch.zeros_like(x[:, 0] @ w_input.detach())",
        ): _ZEROS,
        (
            "right 3",
            "state = torch.zeros_like(x[:, 0] @ w_input) -> "
            "state = torch.zeros_like(x.detach()[:, 0] @ w_input)",
        ): _ZEROS,
        (
            "right 3",
            "state = torch.zeros_like(x[:, 0] @ w_input) -> "
            "state = torch.zeros_like(x[:, -1] @ w_input)",
        ): _ONLY_SHAPE,
    },
    "multi_head_attention.multi_head": {
        (
            "reference",
            "merged = heads.transpose(1, 2).flatten(-2) -> "
            "merged = heads.transpose(1, 2).flatten(2)",
        ): "of four axes, the last but one is axis 2",
        (
            "right 2",
            "out = w_out.unflatten(1, (num_heads, -1)) -> "
            "out = w_out.unflatten(-1, (num_heads, -1))",
        ): _TWO_AXES,
    },
    "transformer.wordpiece": {
        (
            "reference",
            "for end in range(len(word), start, -1): -> "
            "for end in range(len(word), start - 1, -1):",
        ): _NO_EMPTY_PIECE,
        (
            "right 1",
            "known = [mark + rest[:end] for end in range(1, len(rest) + 1)] -> "
            "known = [mark + rest[:end] for end in range(1, len(rest) + 1 + 1)]",
        ): _BEYOND,
        (
            "right 1",
            "known = [mark + rest[:end] for end in range(1, len(rest) + 1)] -> "
            "known = [mark + rest[:end] for end in range(0, len(rest) + 1)]",
        ): _NO_EMPTY_PIECE,
        (
            "right 1",
            "known = [mark + rest[:end] for end in range(1, len(rest) + 1)] -> "
            "known = [mark + rest[:end] for end in range(-1, len(rest) + 1)]",
        ): "only the last known piece is taken: what comes before it may be there twice",
        (
            "right 1",
            "known = [mark + rest[:end] for end in range(1, len(rest) + 1)] -> "
            "known = [mark + rest[:end] for end in range(1, len(rest) + 2)]",
        ): _BEYOND,
        ("right 2", "return None -> pass"): "a function without `return` returns None",
        (
            "right 2",
            "for end in range(len(text), 0, -1): -> for end in range(len(text), 0 - 1, -1):",
        ): _NO_EMPTY_PIECE,
        (
            "right 2",
            "for end in range(len(text), 0, -1): -> for end in range(len(text), -1, -1):",
        ): _NO_EMPTY_PIECE,
    },
    "transformer.layer_norm": {
        ("right 2", "width = x.size(-1) -> width = scale.size(-1)"): _SAME_WIDTH,
        ("right 2", "width = x.size(-1) -> width = shift.size(-1)"): _SAME_WIDTH,
        (
            "right 2",
            "variance = ((x - mean) ** 2).sum(dim=-1)[..., None] / width -> "
            "variance = ((mean - x) ** 2).sum(dim=-1)[..., None] / width",
        ): "a square has no sign",
        (
            "right 2",
            "variance = ((x - mean) ** 2).sum(dim=-1)[..., None] / width -> "
            "variance = ((x - mean.detach()) ** 2).sum(dim=-1)[..., None] / width",
        ): "distances to the mean sum to 0, so the variance does not change with the mean",
        (
            "right 3",
            "for row in x.reshape(-1, x.size(-1)): -> for row in x.reshape(-1, scale.size(-1)):",
        ): _SAME_WIDTH,
        (
            "right 3",
            "for row in x.reshape(-1, x.size(-1)): -> for row in x.reshape(-1, shift.size(-1)):",
        ): _SAME_WIDTH,
    },
    "transformer.shift": {
        (
            "reference",
            "return (target[:, :-1], target[:, 1:]) -> "
            "return (target.detach()[:, :-1], target[:, 1:])",
        ): _WHOLE_NUMBERS,
        (
            "reference",
            "return (target[:, :-1], target[:, 1:]) -> "
            "return (target[:, :-1], target.detach()[:, 1:])",
        ): _WHOLE_NUMBERS,
        ("right 1", "steps = target.size(1) - 1 -> steps = target.size(-1) - 1"): _TWO_AXES,
        (
            "right 1",
            "return (target.narrow(1, 0, steps), target.narrow(1, 1, steps)) -> "
            "return (target.narrow(-1, 0, steps), target.narrow(1, 1, steps))",
        ): _TWO_AXES,
        (
            "right 1",
            "return (target.narrow(1, 0, steps), target.narrow(1, 1, steps)) -> "
            "return (target.narrow(1, 0, steps), target.narrow(-1, 1, steps))",
        ): _TWO_AXES,
        (
            "right 1",
            "return (target.narrow(1, 0, steps), target.narrow(1, 1, steps)) -> "
            "return (target.detach().narrow(1, 0, steps), target.narrow(1, 1, steps))",
        ): _WHOLE_NUMBERS,
        (
            "right 1",
            "return (target.narrow(1, 0, steps), target.narrow(1, 1, steps)) -> "
            "return (target.narrow(1, 0, steps), target.detach().narrow(1, 1, steps))",
        ): _WHOLE_NUMBERS,
        (
            "right 2",
            "*decoder_input, _ = target.unbind(dim=1) -> "
            "*decoder_input, _ = target.detach().unbind(dim=1)",
        ): _WHOLE_NUMBERS,
        (
            "right 2",
            "*decoder_input, _ = target.unbind(dim=1) -> *decoder_input, _ = target.unbind(dim=-1)",
        ): _TWO_AXES,
        (
            "right 2",
            "_, *wanted = target.unbind(dim=1) -> _, *wanted = target.detach().unbind(dim=1)",
        ): _WHOLE_NUMBERS,
        (
            "right 2",
            "_, *wanted = target.unbind(dim=1) -> _, *wanted = target.unbind(dim=-1)",
        ): _TWO_AXES,
        (
            "right 2",
            "return (torch.stack(decoder_input, dim=1), torch.stack(wanted, dim=1)) -> "
            "return (torch.stack(decoder_input, dim=-1), torch.stack(wanted, dim=1))",
        ): _TWO_AXES,
        (
            "right 2",
            "return (torch.stack(decoder_input, dim=1), torch.stack(wanted, dim=1)) -> "
            "return (torch.stack(decoder_input, dim=1), torch.stack(wanted, dim=-1))",
        ): _TWO_AXES,
        (
            "right 3",
            "return target.unfold(1, 2, 1).unbind(dim=-1) -> "
            "return target.unfold(-1, 2, 1).unbind(dim=-1)",
        ): _TWO_AXES,
        (
            "right 3",
            "return target.unfold(1, 2, 1).unbind(dim=-1) -> "
            "return target.detach().unfold(1, 2, 1).unbind(dim=-1)",
        ): _WHOLE_NUMBERS,
    },
    "pretraining.perplexity": {
        (
            "right 1",
            "return torch.dot(loss_nats, weights).exp() -> "
            "return torch.dot(loss_nats, weights.detach()).exp()",
        ): _WHOLE,
        (
            "right 2",
            "for loss, number in zip(loss_nats, num_tokens, strict=True): -> "
            "for loss, number in zip(loss_nats, num_tokens):",
        ): _ONE_A_BATCH,
        (
            "right 2",
            "for loss, number in zip(loss_nats, num_tokens, strict=True): -> "
            "for loss, number in zip(loss_nats, num_tokens, strict=False):",
        ): _ONE_A_BATCH,
        (
            "right 2",
            "count = count + number -> count = count + number.detach()",
        ): _WHOLE,
        (
            "right 2",
            "nats = nats + loss * number -> nats = nats + loss * number.detach()",
        ): _WHOLE,
        (
            "right 2",
            "return math.e ** (nats / count) -> return math.e ** (nats / count.detach())",
        ): _WHOLE,
    },
    "pretraining.mask_rule": {
        (
            "reference",
            "inputs = torch.where(chosen & (fate < 8), 3, ids) -> "
            "inputs = torch.where(chosen & (fate <= 8), 3, ids)",
        ): _OVERWRITTEN,
        (
            "reference",
            "inputs = torch.where(chosen & (fate < 8), 3, ids) -> "
            "inputs = torch.where(chosen & (fate < 9), 3, ids)",
        ): _OVERWRITTEN,
        (
            "right 1",
            "labels = torch.full_like(ids, -100) -> labels = torch.full_like(toss, -100)",
        ): _ONLY_SHAPE,
        (
            "right 1",
            "labels = torch.full_like(ids, -100) -> labels = torch.full_like(fate, -100)",
        ): _ONLY_SHAPE,
        (
            "right 1",
            "labels = torch.full_like(ids, -100) -> labels = torch.full_like(random_ids, -100)",
        ): _ONLY_SHAPE,
        (
            "right 1",
            "hidden, swapped = (chosen & (fate <= 7), chosen & (fate == 8)) -> "
            "hidden, swapped = (chosen & (fate <= 8), chosen & (fate == 8))",
        ): _OVERWRITTEN,
        (
            "right 3",
            "which = torch.where(chosen, (fate >= 8).long() + (fate >= 9).long(), 2) -> "
            "which = torch.where(chosen, (fate >= 8) + (fate >= 9).long(), 2)",
        ): _BOOL_ADDED,
        (
            "right 3",
            "which = torch.where(chosen, (fate >= 8).long() + (fate >= 9).long(), 2) -> "
            "which = torch.where(chosen, (fate >= 8).long() + (fate >= 9), 2)",
        ): _BOOL_ADDED,
        (
            "right 3",
            "offers = torch.stack([3 + 0 * ids, random_ids, ids]) -> "
            "offers = torch.stack([3 - 0 * ids, random_ids, ids])",
        ): _NOTHING_ADDED,
        (
            "right 3",
            "offers = torch.stack([3 + 0 * ids, random_ids, ids]) -> "
            "offers = torch.stack([3 + 0 * toss, random_ids, ids])",
        ): _ONLY_SHAPE,
        (
            "right 3",
            "offers = torch.stack([3 + 0 * ids, random_ids, ids]) -> "
            "offers = torch.stack([3 + 0 * fate, random_ids, ids])",
        ): _ONLY_SHAPE,
        (
            "right 3",
            "offers = torch.stack([3 + 0 * ids, random_ids, ids]) -> "
            "offers = torch.stack([3 + 0 * random_ids, random_ids, ids])",
        ): _ONLY_SHAPE,
        (
            "right 3",
            "return (offers.gather(0, which[None])[0], ids * chosen - 100 * ~chosen) -> "
            "return (offers.gather(0, which[None])[-1], ids * chosen - 100 * ~chosen)",
        ): _ONE_ROW,
        (
            "right 3",
            "return (offers.gather(0, which[None])[0], ids * chosen - 100 * ~chosen) -> "
            "return (offers.detach().gather(0, which[None])[0], ids * chosen - 100 * ~chosen)",
        ): _WHOLE,
        (
            "right 3",
            "return (offers.gather(0, which[None])[0], ids * chosen - 100 * ~chosen) -> "
            "return (offers.gather(0, which.detach()[None])[0], ids * chosen - 100 * ~chosen)",
        ): _WHOLE,
    },
    "pretraining.shift": {
        (
            "right 1",
            "return (ids[:, :ids.size(1) - 1], labels[:, 1:]) -> "
            "return (ids[:, :ids.size(-1) - 1], labels[:, 1:])",
        ): _TWO_AXES,
        (
            "right 3",
            "seq_len = ids.shape[1] -> seq_len = ids.shape[-1]",
        ): _TWO_AXES,
        (
            "right 3",
            "inputs = ids.narrow(1, 0, seq_len - 1) -> inputs = ids.narrow(-1, 0, seq_len - 1)",
        ): _TWO_AXES,
        (
            "right 3",
            "labels = ids.narrow(1, 1, seq_len - 1) -> labels = ids.narrow(-1, 1, seq_len - 1)",
        ): _TWO_AXES,
    },
    "start_here.step_down": {
        (
            "reference",
            "return weight - rate * gradient -> return weight - rate * gradient.detach()",
        ): _NO_GRADIENT,
        (
            "reference",
            "return weight - rate * gradient -> return weight.detach() - rate * gradient",
        ): _NO_GRADIENT,
        (
            "right 1",
            "return torch.add(weight, gradient, alpha=-rate) -> "
            "return torch.add(weight, gradient.detach(), alpha=-rate)",
        ): _NO_GRADIENT,
        (
            "right 1",
            "return torch.add(weight, gradient, alpha=-rate) -> "
            "return torch.add(weight.detach(), gradient, alpha=-rate)",
        ): _NO_GRADIENT,
        (
            "right 2",
            "downhill = gradient.neg() -> downhill = gradient.detach().neg()",
        ): _NO_GRADIENT,
        (
            "right 2",
            "return weight.add(downhill.mul(rate)) -> "
            "return weight.add(downhill.detach().mul(rate))",
        ): _NO_GRADIENT,
        (
            "right 2",
            "return weight.add(downhill.mul(rate)) -> "
            "return weight.detach().add(downhill.mul(rate))",
        ): _NO_GRADIENT,
        (
            "right 3",
            "return torch.lerp(weight, weight - gradient, rate) -> "
            "return torch.lerp(weight, weight - gradient.detach(), rate)",
        ): _NO_GRADIENT,
        (
            "right 3",
            "return torch.lerp(weight, weight - gradient, rate) -> "
            "return torch.lerp(weight, weight.detach() - gradient, rate)",
        ): _NO_GRADIENT,
        (
            "right 3",
            "return torch.lerp(weight, weight - gradient, rate) -> "
            "return torch.lerp(weight.detach(), weight - gradient, rate)",
        ): _NO_GRADIENT,
    },
    "real_weights.tokenize": {
        (
            "reference",
            "for end in range(len(word), start, -1): -> for end in range(len(word), "
            "start - 1, -1):",
        ): _NO_EMPTY_PIECE,
        (
            "right 1",
            "known = [n for n in range(1, len(rest) + 1) if mark + rest[:n] in "
            "vocabulary] -> known = [n for n in range(1, len(rest) + 1 + 1) if mark + "
            "rest[:n] in vocabulary]",
        ): _BEYOND,
        (
            "right 1",
            "known = [n for n in range(1, len(rest) + 1) if mark + rest[:n] in "
            "vocabulary] -> known = [n for n in range(0, len(rest) + 1) if mark + "
            "rest[:n] in vocabulary]",
        ): _NO_EMPTY_PIECE,
        (
            "right 1",
            "known = [n for n in range(1, len(rest) + 1) if mark + rest[:n] in "
            "vocabulary] -> known = [n for n in range(-1, len(rest) + 1) if mark + "
            "rest[:n] in vocabulary]",
        ): _NO_EMPTY_PIECE,
        (
            "right 1",
            "known = [n for n in range(1, len(rest) + 1) if mark + rest[:n] in "
            "vocabulary] -> known = [n for n in range(1, len(rest) + 2) if mark + "
            "rest[:n] in vocabulary]",
        ): _BEYOND,
        (
            "right 3",
            "for end in range(len(rest), 0, -1): -> for end in range(len(rest), 0 - 1, -1):",
        ): _NO_EMPTY_PIECE,
        (
            "right 3",
            "for end in range(len(rest), 0, -1): -> for end in range(len(rest), -1, -1):",
        ): _NO_EMPTY_PIECE,
    },
    "real_weights.names": {
        (
            "right 2",
            "return looked_up[words[1].split('_')[0]] + '.' + kind -> return "
            "looked_up[words[-1].split('_')[0]] + '.' + kind",
        ): _TWO_WORDS,
        (
            "right 3",
            "table = {f'embeddings.{one}': other for one, other in zip(firsts, ends, "
            "strict=True)} -> table = {f'embeddings.{one}': other for one, other in "
            "zip(firsts, ends)}",
        ): _AS_LONG,
        (
            "right 3",
            "table = {f'embeddings.{one}': other for one, other in zip(firsts, ends, "
            "strict=True)} -> table = {f'embeddings.{one}': other for one, other in "
            "zip(firsts, ends, strict=False)}",
        ): _AS_LONG,
    },
    "real_weights.pooling": {
        (
            "reference",
            "total = torch.where(real, hidden, 0.0).sum(dim=1) -> total = "
            "torch.where(real.detach(), hidden, 0.0).sum(dim=1)",
        ): _WHOLE,
        (
            "reference",
            "return total / real.sum(dim=1) -> return total / real.detach().sum(dim=1)",
        ): _WHOLE,
        (
            "right 1",
            "return (shares @ hidden).squeeze(1) -> return (shares.detach() @ hidden).squeeze(1)",
        ): _WHOLE,
        (
            "right 2",
            "return torch.stack([one[seen[0]].mean(dim=0) for one, seen in zip(hidden, "
            "mask, strict=True)]) -> return torch.stack([one[seen[0]].mean(dim=0) for "
            "one, seen in zip(hidden, mask)])",
        ): _MASK_A_TEXT,
        (
            "right 2",
            "return torch.stack([one[seen[0]].mean(dim=0) for one, seen in zip(hidden, "
            "mask, strict=True)]) -> return torch.stack([one[seen[0]].mean(dim=0) for "
            "one, seen in zip(hidden, mask, strict=False)])",
        ): _MASK_A_TEXT,
        (
            "right 2",
            "return torch.stack([one[seen[0]].mean(dim=0) for one, seen in zip(hidden, "
            "mask, strict=True)]) -> return torch.stack([one[seen[-1]].mean(dim=0) for "
            "one, seen in zip(hidden, mask, strict=True)])",
        ): _ONE_ROW,
        (
            "right 3",
            "seen = mask[:, 0].to(hidden) -> seen = mask[:, -1].to(hidden)",
        ): _ONE_ROW,
        (
            "right 3",
            "return torch.einsum('bld,bl->bd', clean, seen) / seen.sum(dim=1)[:, "
            "None] -> return torch.einsum('bld,bl->bd', clean, seen) / "
            "seen.sum(dim=-1)[:, None]",
        ): _TWO_AXES,
        (
            "right 1",
            "hidden = hidden.masked_fill(~mask.transpose(1, 2), 0.0) -> "
            "hidden = hidden.masked_fill(~mask.transpose(1, 2), -1)",
        ): _NO_SHARE,
        (
            "right 1",
            "hidden = hidden.masked_fill(~mask.transpose(1, 2), 0.0) -> "
            "hidden = hidden.masked_fill(~mask.transpose(1, 2), 1)",
        ): _NO_SHARE,
        (
            "right 3",
            "clean = torch.where(mask[:, 0, :, None], hidden, torch.zeros_like(hidden)) -> "
            "clean = torch.where(mask[:, -1, :, None], hidden, torch.zeros_like(hidden))",
        ): _ONE_ROW,
    },
    "real_weights.kernels": {
        (
            "reference",
            "return kernel.T -> return kernel.detach().T",
        ): _NO_GRADIENT_READ,
        (
            "right 1",
            "weight = kernel.new_zeros(wanted) -> weight = kernel.detach().new_zeros(wanted)",
        ): _NO_GRADIENT_READ,
        (
            "right 1",
            "for row in range(len(kernel)): -> for row in range(len(kernel.detach())):",
        ): _NO_GRADIENT_READ,
        (
            "right 1",
            "weight[:, row] = kernel[row] -> weight.detach()[:, row] = kernel[row]",
        ): _NO_GRADIENT_READ,
        (
            "right 1",
            "weight[:, row] = kernel[row] -> weight[:, row] = kernel.detach()[row]",
        ): _NO_GRADIENT_READ,
        (
            "right 1",
            "return weight -> return weight.detach()",
        ): _NO_GRADIENT_READ,
        (
            "right 2",
            "return torch.einsum('io->oi', kernel) -> return torch.einsum('io->oi', "
            "kernel.detach())",
        ): _NO_GRADIENT_READ,
        (
            "right 3",
            "return torch.stack(kernel.unbind(dim=1)) -> return "
            "torch.stack(kernel.detach().unbind(dim=1))",
        ): _NO_GRADIENT_READ,
        (
            "right 3",
            "return torch.stack(kernel.unbind(dim=1)) -> return torch.stack(kernel.unbind(dim=-1))",
        ): _TWO_AXES,
    },
    "domains_and_transfer.human": {
        (
            "reference",
            "others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1) -> "
            "others = (ratings.sum(dim=-1, keepdim=True) - ratings) / (ratings.shape[1] - 1)",
        ): _TWO_AXES,
        (
            "reference",
            "others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1) -> "
            "others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[-1] - 1)",
        ): _TWO_AXES,
        (
            "reference",
            "return (others, torch.corrcoef(pairs)[0, 1]) -> "
            "return (others, torch.corrcoef(pairs)[0, -1])",
        ): _TWO_BY_TWO,
        (
            "right 1",
            "others = [ratings[:, torch.arange(r) != one].mean(dim=1) for one in range(r)] -> "
            "others = [ratings[:, torch.arange(r) != one].mean(dim=-1) for one in range(r)]",
        ): _TWO_AXES,
        (
            "right 1",
            "others = torch.stack(others, dim=1) -> others = torch.stack(others, dim=-1)",
        ): _TWO_AXES,
        (
            "right 1",
            "x, y = (ratings - ratings.mean(), others - others.mean()) -> "
            "x, y = (ratings - ratings.detach().mean(), others - others.mean())",
        ): _CENTRED,
        (
            "right 1",
            "x, y = (ratings - ratings.mean(), others - others.mean()) -> "
            "x, y = (ratings - ratings.mean(), others - others.detach().mean())",
        ): _CENTRED,
        (
            "right 2",
            "rows = (torch.ones(r, r) - torch.eye(r)).to(ratings) / (r - 1) -> "
            "rows = (torch.ones(r, r) - torch.eye(r)).to(ratings.detach()) / (r - 1)",
        ): _ONLY_DTYPE,
        (
            "right 3",
            "r = torch.cosine_similarity(a - a.mean(), b - b.mean(), dim=0) -> "
            "r = torch.cosine_similarity(a - a.detach().mean(), b - b.mean(), dim=0)",
        ): _CENTRED,
        (
            "right 3",
            "r = torch.cosine_similarity(a - a.mean(), b - b.mean(), dim=0) -> "
            "r = torch.cosine_similarity(a - a.mean(), b - b.detach().mean(), dim=0)",
        ): _CENTRED,
        (
            "right 3",
            "r = torch.cosine_similarity(a - a.mean(), b - b.mean(), dim=0) -> "
            "r = torch.cosine_similarity(a - a.mean(), b - b.mean(), dim=-1)",
        ): _ONE_AXIS,
    },
    "domains_and_transfer.paired": {
        (
            "reference",
            "return (x * y).sum(dim=-1) / spread.sqrt() -> "
            "return (x * y).sum(dim=1) / spread.sqrt()",
        ): _TWO_AXES,
        (
            "reference",
            "spread = x.square().sum(dim=-1) * y.square().sum(dim=-1) -> "
            "spread = x.square().sum(dim=-1) * y.square().sum(dim=1)",
        ): _TWO_AXES,
        (
            "reference",
            "spread = x.square().sum(dim=-1) * y.square().sum(dim=-1) -> "
            "spread = x.square().sum(dim=1) * y.square().sum(dim=-1)",
        ): _TWO_AXES,
        (
            "reference",
            "x = x - x.mean(dim=-1, keepdim=True) -> x = x - x.detach().mean(dim=-1, keepdim=True)",
        ): _CENTRED,
        (
            "reference",
            "x = x - x.mean(dim=-1, keepdim=True) -> x = x - x.mean(dim=1, keepdim=True)",
        ): _TWO_AXES,
        (
            "reference",
            "y = y - y.mean(dim=-1, keepdim=True) -> y = y - y.detach().mean(dim=-1, keepdim=True)",
        ): _CENTRED,
        (
            "reference",
            "y = y - y.mean(dim=-1, keepdim=True) -> y = y - y.mean(dim=1, keepdim=True)",
        ): _TWO_AXES,
        (
            "right 2",
            "centred = drawn - drawn.mean(dim=2, keepdim=True) -> "
            "centred = drawn - drawn.detach().mean(dim=2, keepdim=True)",
        ): _CENTRED,
        (
            "right 2",
            "centred = drawn - drawn.mean(dim=2, keepdim=True) -> "
            "centred = drawn.mean(dim=2, keepdim=True) - drawn",
        ): _BOTH_TURN,
        (
            "right 2",
            "return ((of_a - of_b) * y).sum(dim=1) -> return ((of_a - of_b) * y).sum(dim=-1)",
        ): _TWO_AXES,
        (
            "right 3",
            "y = (y - y.mean(1, keepdim=True)) / y.std(1, correction=0, keepdim=True) -> "
            "y = (y - y.mean(-1, keepdim=True)) / y.std(1, correction=0, keepdim=True)",
        ): _TWO_AXES,
        (
            "right 3",
            "y = (y - y.mean(1, keepdim=True)) / y.std(1, correction=0, keepdim=True) -> "
            "y = (y - y.mean(1, keepdim=True)) / y.std(-1, correction=0, keepdim=True)",
        ): _TWO_AXES,
    },
    "fine_tuning.trained_names": {
        (
            "right 1",
            "top = [f'encoder.layers.{number}.' for number in range(num_layers)][num_layers "
            "- num_trained:] -> "
            "top = [f'encoder.layers.{number}.' for number in range(num_layers + "
            "1)][num_layers - num_trained:]",
        ): "no parameter belongs to a layer above the top one",
    },
    "fine_tuning.kept": {
        ("reference", "kept = x.detach() -> kept = x.detach().detach()"): _KEPT,
        (
            "reference",
            "for weight in weights[:num_frozen].detach(): -> "
            "for weight in weights.detach()[:num_frozen].detach():",
        ): _KEPT,
        (
            "reference",
            "kept = torch.tanh(kept @ weight) -> kept = torch.tanh(kept.detach() @ weight)",
        ): _KEPT,
        (
            "reference",
            "kept = torch.tanh(kept @ weight) -> kept = torch.tanh(kept @ weight.detach())",
        ): _KEPT,
        ("reference", "output = kept -> output = kept.detach()"): _KEPT,
        ("reference", "return (kept, output) -> return (kept.detach(), output)"): _KEPT,
        ("right 1", "kept = x.clone() -> kept = x.detach().clone()"): _KEPT,
        (
            "right 1",
            "kept = (kept @ weights[number]).tanh() -> "
            "kept = (kept.detach() @ weights[number]).tanh()",
        ): _KEPT,
        (
            "right 1",
            "kept = (kept @ weights[number]).tanh() -> "
            "kept = (kept @ weights.detach()[number]).tanh()",
        ): _KEPT,
        ("right 1", "output = kept -> output = kept.detach()"): _KEPT,
        (
            "right 1",
            "for number in range(num_frozen, len(weights)): -> "
            "for number in range(num_frozen, len(weights.detach())):",
        ): _ONLY_SHAPE,
        ("right 1", "return (kept, output) -> return (kept.detach(), output)"): _KEPT,
        (
            "right 2",
            "frozen, trained = (weights[:num_frozen], weights[num_frozen:]) -> "
            "frozen, trained = (weights.detach()[:num_frozen], weights[num_frozen:])",
        ): _KEPT,
        (
            "right 2",
            "kept = reduce(layer, frozen, x).detach() -> "
            "kept = reduce(layer, frozen.detach(), x).detach()",
        ): _KEPT,
        (
            "right 2",
            "kept = reduce(layer, frozen, x).detach() -> "
            "kept = reduce(layer, frozen, x.detach()).detach()",
        ): _KEPT,
        (
            "right 2",
            "return (kept, reduce(layer, trained, kept)) -> "
            "return (kept.detach(), reduce(layer, trained, kept))",
        ): _KEPT,
        (
            "right 2",
            "return (kept, reduce(layer, trained, kept)) -> "
            "return (kept, reduce(layer, trained, kept.detach()))",
        ): _KEPT,
        ("right 3", "states = [x.detach()] -> states = [x.detach().detach()]"): _KEPT,
        (
            "right 3",
            "used = weight.detach() if number < num_frozen else weight -> "
            "used = weight.detach().detach() if number < num_frozen else weight",
        ): _KEPT,
    },
    "fine_tuning.rates": {
        (
            "reference",
            "is_open = step >= depth * steps_each -> is_open = step >= depth.detach() * steps_each",
        ): _RATES,
        (
            "reference",
            "return learning_rate / factor ** depth * is_open -> "
            "return learning_rate / factor ** depth * is_open.detach()",
        ): _RATES,
        (
            "reference",
            "return learning_rate / factor ** depth * is_open -> "
            "return learning_rate / factor ** depth.detach() * is_open",
        ): _RATES,
        (
            "right 1",
            "powers = torch.pow(torch.tensor(1 / factor), depth) -> "
            "powers = torch.pow(1 / factor, depth)",
        ): "the factor is a float already, or becomes one",
        (
            "right 1",
            "powers = torch.pow(torch.tensor(1 / factor), depth) -> "
            "powers = torch.pow(torch.tensor(1 / factor), depth.detach())",
        ): _RATES,
        (
            "right 1",
            "return torch.where(depth * steps_each <= step, learning_rate * powers, 0.0) -> "
            "return torch.where(depth * steps_each <= step, learning_rate * powers.detach(), "
            "0.0)",
        ): _RATES,
        (
            "right 1",
            "return torch.where(depth * steps_each <= step, learning_rate * powers, 0.0) -> "
            "return torch.where(depth.detach() * steps_each <= step, learning_rate * powers, "
            "0.0)",
        ): _RATES,
        (
            "right 2",
            "for level in depth.tolist(): -> for level in depth:",
        ): "a tensor of one whole number counts and compares as the number does",
        (
            "right 2",
            "for level in depth.tolist(): -> for level in depth.detach().tolist():",
        ): _RATES,
        (
            "right 3",
            "full = learning_rate * torch.exp(-depth * torch.tensor(float(factor)).log()) -> "
            "full = learning_rate * torch.exp(-depth.detach() * "
            "torch.tensor(float(factor)).log())",
        ): _RATES,
        (
            "right 3",
            "full = learning_rate * torch.exp(-depth * torch.tensor(float(factor)).log()) -> "
            "full = learning_rate * torch.exp(-depth * torch.tensor(factor).log())",
        ): "the factor is a float already, or becomes one",
        (
            "right 3",
            "return full.masked_fill(depth * steps_each > step, 0.0) -> "
            "return full.detach().masked_fill(depth * steps_each > step, 0.0)",
        ): _RATES,
        (
            "right 3",
            "return full.masked_fill(depth * steps_each > step, 0.0) -> "
            "return full.masked_fill(depth.detach() * steps_each > step, 0.0)",
        ): _RATES,
    },
    "fine_tuning.rating_loss": {
        (
            "reference",
            "predicted = (pooled @ weight + bias).squeeze(-1) -> "
            "predicted = (pooled @ weight + bias).squeeze(1)",
        ): _TWO_AXES,
        (
            "reference",
            "return (predicted - labels).square().mean() -> "
            "return (labels - predicted).square().mean()",
        ): "a square has no sign",
        (
            "right 1",
            "return (predicted - labels[:, None]).square().mean() -> "
            "return (labels[:, None] - predicted).square().mean()",
        ): "a square has no sign",
        (
            "right 2",
            "return functional.mse_loss((pooled @ weight)[:, 0] + bias, labels) -> "
            "return functional.mse_loss((pooled @ weight)[:, -1] + bias, labels)",
        ): "there is one column",
        (
            "right 3",
            "errors = pooled.mv(weight.flatten()) + bias - labels -> "
            "errors = labels - (pooled.mv(weight.flatten()) + bias)",
        ): "a square has no sign",
        (
            "right 3",
            "return torch.dot(errors, errors) / len(labels) -> "
            "return torch.dot(errors, errors) / len(pooled)",
        ): "there is one label for each text",
    },
}
