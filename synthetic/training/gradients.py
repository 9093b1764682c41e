"""Losses and gradients of one step: by autograd, or for networks on the CPU in reused buffers."""

from __future__ import annotations

from collections.abc import Callable

import torch

from synthetic.students.base import Student
from synthetic.students.mlp import EnsembleMLP
from synthetic.tasks.base import Loss
from synthetic.training.ensemble import TaskBatch

Gradients = Callable[[TaskBatch], torch.Tensor]
"""Sets the gradient of every parameter and returns the members' losses, ``(members,)``."""


def gradients_of(student: Student, loss: Loss, device: torch.device, autocast: bool) -> Gradients:
    """The way to the gradients of `student` that is fastest on `device`.

    Both ways compute the same products in the same order, so that their results are equal.

    Args:
        student: what is trained; its batches must all have the same shape.
        loss: what is minimised.
        device: where the student is.
        autocast: whether to multiply in bfloat16.
    """
    if isinstance(student, EnsembleMLP) and device.type == "cpu" and not autocast:
        return BufferedGradients(student, loss)

    def by_autograd(batch: TaskBatch) -> torch.Tensor:
        assert isinstance(student, torch.nn.Module)
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            outputs = student(batch.encoding, batch.inputs)
        losses = member_losses(loss, outputs.float(), batch.targets)
        student.zero_grad()
        losses.sum().backward()
        return losses.detach()

    return by_autograd


class BufferedGradients:
    """The gradients of multilayer perceptrons, without a new tensor of the size of a layer.

    Memory that is taken and given back in every step costs a page fault for each 4 kB of it: up to
    a third of a step on a CPU.
    """

    def __init__(self, student: EnsembleMLP, loss: Loss) -> None:
        self._student = student
        self._loss = loss
        self._activations: list[torch.Tensor] = []
        self._flowing: list[torch.Tensor] = []
        for parameter in student.parameters():
            parameter.grad = torch.zeros_like(parameter)

    @torch.no_grad()
    def __call__(self, batch: TaskBatch) -> torch.Tensor:
        if not self._activations:
            self._allocate(batch)
        outputs = self._forward(batch)
        losses, flowing = _losses(self._loss, outputs.view(*batch.inputs.shape[:3], -1), batch)
        self._backward(batch, flowing.view(outputs.shape))
        return losses

    def _allocate(self, batch: TaskBatch) -> None:
        members, tasks, samples, _ = batch.inputs.shape
        sizes = [weight.shape[2] for weight in self._student.weights]
        rows = (members, tasks * samples)
        self._activations = [torch.empty(*rows, size) for size in sizes]
        # The gradient of a layer is computed from that of the next: two buffers take turns.
        self._flowing = [torch.empty(*rows, sizes[0]) for _ in range(2)]

    def _forward(self, batch: TaskBatch) -> torch.Tensor:
        """Fill the activations, of which the last are the outputs."""
        weights, biases = self._student.weights, self._student.biases
        members, tasks, samples, _ = batch.inputs.shape
        by_task, by_sample = self._first(weights[0])
        (hidden, *_), later = self._activations, self._activations[1:]
        torch.bmm(_rows(batch), by_sample, out=hidden)
        task = torch.baddbmm(biases[0], batch.encoding, by_task)
        hidden.view(members, tasks, samples, -1).add_(task[:, :, None])
        for out, weight, bias in zip(later, weights[1:], biases[1:], strict=True):
            # Faster than `baddbmm`, which writes the biases first and reads them again.
            hidden = torch.bmm(hidden.relu_(), weight, out=out).add_(bias)
        return hidden

    def _backward(self, batch: TaskBatch, flowing: torch.Tensor) -> None:
        """Set the gradients, from that of the outputs back."""
        weights, biases = list(self._student.weights), list(self._student.biases)
        members, tasks, samples, _ = batch.inputs.shape
        for index in range(len(weights) - 1, 0, -1):
            below = self._activations[index - 1]
            torch.bmm(below.mT, flowing, out=weights[index].grad)
            torch.sum(flowing, 1, keepdim=True, out=biases[index].grad)
            flowing = torch.bmm(flowing, weights[index].mT, out=self._flowing[index % 2])
            torch.ops.aten.threshold_backward.grad_input(flowing, below, 0, grad_input=flowing)
        of_task = flowing.view(members, tasks, samples, -1).sum(dim=2)
        assert weights[0].grad is not None
        by_task, by_sample = self._first(weights[0].grad)
        by_task.copy_(torch.bmm(batch.encoding.mT, of_task))
        by_sample.copy_(torch.bmm(_rows(batch).mT, flowing))
        torch.sum(of_task, 1, keepdim=True, out=biases[0].grad)

    def _first(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The parts of the first layer that meet the encoding and the input."""
        size = self._student.encoding_size
        return weight[:, :size], weight[:, size:]


def member_losses(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean loss of each member, ``(members,)``.

    Args:
        loss: what is minimised.
        outputs: ``(members, tasks, samples, output_size)``.
        targets: the same shape, or class indices without the last dimension, where -1 is ignored.
    """
    if loss == "squared_error":
        return (outputs - targets).square().mean(dim=(1, 2, 3))
    negative_log_likelihood = torch.nn.functional.cross_entropy(
        outputs.flatten(0, 2), targets.flatten(), ignore_index=-1, reduction="none"
    ).view(len(outputs), -1)
    counted = (targets >= 0).flatten(1).sum(dim=1).clamp(min=1)
    return negative_log_likelihood.sum(dim=1) / counted


def _losses(
    loss: Loss, outputs: torch.Tensor, batch: TaskBatch
) -> tuple[torch.Tensor, torch.Tensor]:
    """The members' losses, and the gradient of their sum with respect to the outputs."""
    if loss == "squared_error":
        # By hand, because autograd takes longer for this little than a narrow layer does.
        residual = outputs - batch.targets
        losses = residual.square().mean(dim=(1, 2, 3))
        return losses, residual.mul_(2 / residual[0].numel())
    with torch.enable_grad():
        outputs = outputs.detach().requires_grad_()
        losses = member_losses(loss, outputs, batch.targets)
        (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    return losses.detach(), gradient


def _rows(batch: TaskBatch) -> torch.Tensor:
    """The inputs of all samples, ``(members, tasks x samples, input_size)``."""
    members, *_, size = batch.inputs.shape
    return batch.inputs.reshape(members, -1, size)
