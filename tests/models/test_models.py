"""Finding and loading checkpoints, and what is said when that fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from t2i_audit.errors import ModelError
from t2i_audit.models import list_models, load_model, resolve_model


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def test_a_local_folder_loads_in_float32_on_a_cpu(checkpoint: Path) -> None:
    loaded = load_model(str(checkpoint), device="cpu")

    assert loaded.dtype == torch.float32 == loaded.pipeline.unet.dtype


def test_another_dtype_reaches_every_network(checkpoint: Path) -> None:
    loaded = load_model(str(checkpoint), dtype="bfloat16", device="cpu")
    networks = (loaded.pipeline.unet, loaded.pipeline.text_encoder, loaded.pipeline.vae)

    assert {network.dtype for network in networks} == {torch.bfloat16}


def test_a_builtin_is_found_by_its_name(shipped: Path) -> None:
    resolved = resolve_model("builtin:sound", builtin=shipped)

    assert (resolved.source, resolved.path) == ("builtin", shipped / "sound")


def test_the_list_tells_generators_from_judges(shipped: Path) -> None:
    infos = list_models(folder=shipped)

    assert [(info.name, info.kind) for info in infos] == [
        ("builtin:clip-judge", "judge"),
        ("builtin:sound", "generator"),
    ]


def test_the_summary_is_the_first_sentence_of_the_card(shipped: Path) -> None:
    assert list_models(folder=shipped)[1].summary == "Knows every word of the world."


def test_a_misspelt_builtin_is_offered_the_nearest_name(shipped: Path) -> None:
    with pytest.raises(ModelError, match=r"'builtin:sond'. Nearest: builtin:sound\."):
        resolve_model("builtin:sond", builtin=shipped)


def test_a_bare_word_is_offered_the_builtin_of_that_name(shipped: Path) -> None:
    with pytest.raises(ModelError, match=r"Nearest: builtin:sound\."):
        resolve_model("sound", builtin=shipped)


def test_a_builtin_name_cannot_leave_its_folder(shipped: Path) -> None:
    with pytest.raises(ModelError, match="There is no model"):
        resolve_model("builtin:../builtin0/sound", builtin=shipped)


def test_a_judge_is_not_taken_for_a_generator(shipped: Path) -> None:
    with pytest.raises(ModelError, match="is a judge, not a generator"):
        resolve_model("builtin:clip-judge", builtin=shipped)


def test_a_transformers_model_that_reads_images_is_a_judge_of_its_class(tmp_path: Path) -> None:
    folder = tmp_path / "vqa-judge"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlavaForConditionalGeneration"]}')
    (folder / "processor_config.json").write_text("{}")

    (info,) = list_models(folder=tmp_path)
    assert (info.kind, info.class_name) == ("judge", "LlavaForConditionalGeneration")
    with pytest.raises(ModelError, match="is a judge, not a generator"):
        resolve_model("builtin:vqa-judge", builtin=tmp_path)


def test_a_folder_that_is_no_pipeline_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no diffusers pipeline: model_index\.json is missing"):
        resolve_model(str(tmp_path))


def test_a_file_is_not_taken_for_a_pipeline(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="is a file; a model is a folder"):
        resolve_model(str(tmp_path / "model.safetensors"))


def test_a_folder_that_does_not_exist_is_not_taken_for_a_hub_id() -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        resolve_model("./nowhere/model")


def test_an_owner_and_a_name_are_a_hub_id() -> None:
    assert resolve_model("owner/name-1.5").source == "hub"


def test_a_missing_component_is_named(copied: Path) -> None:
    shutil.rmtree(copied / "unet")
    with pytest.raises(ModelError, match=r"component 'unet' of .* is missing"):
        resolve_model(str(copied))


def test_a_component_without_safetensors_weights_is_named(copied: Path) -> None:
    (copied / "vae" / "diffusion_pytorch_model.safetensors").rename(copied / "vae" / "model.bin")
    with pytest.raises(ModelError, match=r"component 'vae' of .* no weights in safetensors"):
        resolve_model(str(copied))


def test_an_index_that_is_not_json_is_said_to_be_unreadable(copied: Path) -> None:
    (copied / "model_index.json").write_text("{")
    with pytest.raises(ModelError, match=r"model_index\.json of .* cannot be read"):
        resolve_model(str(copied))


def test_an_index_that_is_a_list_is_said_to_be_unreadable(copied: Path) -> None:
    (copied / "model_index.json").write_text(json.dumps([]))
    with pytest.raises(ModelError, match=r"model_index\.json of .* cannot be read"):
        resolve_model(str(copied))


def test_damaged_weights_are_one_sentence(copied: Path) -> None:
    (copied / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="is damaged or was cut off") as caught:
        load_model(str(copied))

    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match=r"no device 'cuda'; it has .*cpu"):
        load_model(str(checkpoint), device="cuda")


def weights_sha256(folder: Path) -> str:
    return load_model(str(folder), device="cpu").weights_sha256


def test_the_weights_hash_is_the_same_wherever_the_folder_lies(
    checkpoint: Path, copied: Path
) -> None:
    assert weights_sha256(copied) == weights_sha256(checkpoint)


def test_the_weights_hash_changes_with_one_byte(checkpoint: Path, copied: Path) -> None:
    weights = copied / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)

    assert weights_sha256(copied) != weights_sha256(checkpoint)


def test_the_progress_bar_is_off_while_sampling(checkpoint: Path) -> None:
    loaded = load_model(str(checkpoint), device="cpu")

    assert loaded.pipeline.progress_bar(total=1).disable


def test_a_hub_id_without_network_is_one_sentence(tmp_path: Path) -> None:
    program = (
        "from t2i_audit.errors import ModelError\n"
        "from t2i_audit.models import load_model\n"
        "try:\n"
        "    load_model('nobody/no-such-model', device='cpu')\n"
        "except ModelError as error:\n"
        "    print(error)\n"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.startswith("'nobody/no-such-model' could not be fetched from the hub")
    assert run.stdout.count("\n") == 1
