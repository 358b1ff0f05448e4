"""The Fisher information against torch.func and against loops; EWC against L2-SP."""

import pytest
import torch
from small_model import new_model, rated_texts
from torch.func import functional_call, grad

from lessons_lib.transfer.elastic_weights import ewc, fisher
from lessons_lib.transfer.l2_sp import l2_sp, starting_point

TEXTS, RATINGS = rated_texts(9)
TARGETS = torch.tensor(RATINGS) - 2.0


def per_text(model, loss_of) -> dict[str, torch.Tensor]:
    """The mean over the texts of the squared gradients of loss_of(said, target), by torch.func."""
    opened = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in opened.items()}
    for text, target in zip(TEXTS, TARGETS, strict=True):
        inputs = torch.tensor([text]), torch.ones(1, 1, len(text), dtype=torch.bool)

        def loss(parameters, inputs=inputs, target=target):
            said = (functional_call(model, parameters, inputs) - model.mean) / model.spread
            return loss_of(said.squeeze(), target)

        for name, slope in grad(loss)(opened).items():
            total[name] += slope**2 / len(TEXTS)
    return total


def agree(first, second, tolerance=1e-4):
    assert set(first) == set(second)
    for name, wanted in second.items():
        assert torch.allclose(first[name], wanted, rtol=tolerance, atol=1e-9), name


@pytest.mark.parametrize("trained", [1, "all"])
def test_empirical_fisher_is_the_mean_squared_gradient_of_the_given_labels_log_density(trained):
    model = new_model(trained).eval()
    model.set_scale([0.0, 1.0, 5.0])
    found = fisher(model, TEXTS, TARGETS)
    agree(found, per_text(model, lambda said, target: 0.5 * (said - target) ** 2))


def test_true_fisher_with_many_draws_is_the_mean_squared_slope_of_what_is_said():
    model = new_model(2).eval()
    found = fisher(model, TEXTS, num_draws=200_000)
    agree(found, per_text(model, lambda said, target: said), tolerance=0.02)


def test_empirical_fisher_of_a_model_that_fits_is_zero_and_the_true_one_is_not():
    model = new_model(1).eval()
    with torch.no_grad():
        said = torch.stack(
            [
                model.standardised(torch.tensor([t]), torch.ones(1, 1, len(t), dtype=torch.bool))[0]
                for t in TEXTS
            ]
        )
    assert all(part.max() < 1e-10 for part in fisher(model, TEXTS, said).values())
    assert fisher(model, TEXTS)["head.weight"].min() > 0


def test_the_draw_follows_its_seed_and_the_model_is_left_as_it_was():
    model = new_model("all", dropout_p=0.5, inner_dropout_p=0.5).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first, again, other = (fisher(model, TEXTS, seed=seed) for seed in (0, 0, 1))
    assert all(first[name].equal(again[name]) for name in first)
    assert not first["head.weight"].equal(other["head.weight"])
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())


def test_a_word_that_never_occurs_matters_nothing():
    model = new_model("all")
    words = fisher(model, [[3, 7]])["encoder.tokens.weight"]
    assert words.sum(dim=1).nonzero().flatten().tolist() == [3, 7]


def far_from_its_start():
    model = new_model(2)
    start = starting_point(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model, start


def test_with_equal_importance_it_is_l2_sp():
    model, start = far_from_its_start()
    ones = {name: torch.ones_like(tensor) for name, tensor in start.items()}
    assert ewc(model, start, ones, 0.7).item() == pytest.approx(l2_sp(model, start, 0.7).item())


def test_gradient_is_strength_times_importance_times_the_step():
    model, start = far_from_its_start()
    importance = {name: torch.rand_like(tensor) for name, tensor in start.items()}
    ewc(model, start, importance, 3.0).backward()
    now = dict(model.named_parameters())
    for name, then in start.items():
        wanted = 3.0 * importance[name] * (now[name] - then)
        assert torch.allclose(now[name].grad, wanted, atol=1e-6)


def test_errors_say_what_came():
    model, start = far_from_its_start()
    with pytest.raises(ValueError, match="a text, a draw and a trained parameter, at least 1"):
        fisher(model, [])
    with pytest.raises(ValueError, match="expected a target for each of 9 texts, got 8"):
        fisher(model, TEXTS, TARGETS[:8])
    importance = fisher(model, TEXTS)
    del importance["head.bias"]
    with pytest.raises(ValueError, match=r"no importance of shape \(1,\) for head.bias"):
        ewc(model, start, importance)
    with pytest.raises(ValueError, match="strength should be at least 0, not nan"):
        ewc(model, start, fisher(model, TEXTS), float("nan"))
