"""Stores from blocks and from the environment."""

import pytest
from prefect.blocks.core import Block
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials, MinIOCredentials, S3Bucket

from blocks.storage import aopen_store, from_environment
from speech.errors import SettingsError
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY


@pytest.fixture
def api(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield prefect_server


def test_without_anything_the_store_is_a_folder_in_our_home(monkeypatch, tmp_path):
    monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
    from_environment().write("jobs/x", "x", "text/plain")
    assert (tmp_path / "storage" / "jobs" / "x").read_text() == "x"


def test_storage_dir_names_another_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path / "here"))
    assert str(tmp_path / "here") in str(from_environment())


def test_the_variables_that_operators_already_set_make_a_bucket(monkeypatch, bucket):
    monkeypatch.setenv("S3_BUCKET", bucket.name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    store = from_environment()
    store.write("jobs/x", "x", "text/plain")
    assert store.read("jobs/x") == "x"


def aws(bucket):
    return AwsCredentials(
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        aws_client_parameters={"endpoint_url": bucket.endpoint},
    )


def minio(bucket):
    return MinIOCredentials(
        minio_root_user=ACCESS_KEY,
        minio_root_password=SECRET_KEY,
        aws_client_parameters={"endpoint_url": bucket.endpoint},
    )


@pytest.mark.parametrize("credentials", [aws, minio])
async def test_a_saved_bucket_block_is_opened_by_name(api, bucket, credentials):
    block = S3Bucket(bucket_name=bucket.name, bucket_folder="below", credentials=credentials(bucket))
    await block.asave(credentials.__name__, overwrite=True)
    store = await aopen_store(f"s3-bucket/{credentials.__name__}")
    store.write("jobs/x", "x", "text/plain")
    assert (await aopen_store(f"s3-bucket/{credentials.__name__}")).read("jobs/x") == "x"
    assert "below/jobs/x" in store.presign("jobs/x")


async def test_a_saved_folder_block_is_opened_by_name(api, tmp_path, monkeypatch):
    await LocalFileSystem(basepath=str(tmp_path)).asave("here", overwrite=True)
    monkeypatch.setenv("STORAGE_BLOCK", "local-file-system/here")
    (await aopen_store()).write("jobs/x", "x", "text/plain")
    assert (tmp_path / "jobs" / "x").exists()


async def test_a_block_that_is_not_there_is_named(api):
    with pytest.raises(SettingsError, match="s3-bucket/nobody"):
        await aopen_store("s3-bucket/nobody")


async def test_a_name_without_a_kind_is_refused(api):
    with pytest.raises(SettingsError, match="'mine' is not accepted; expected s3-bucket/<name>"):
        await aopen_store("mine")


async def test_a_block_that_stores_no_files_is_refused(api):
    secret = Block.get_block_class_from_key("secret")
    await secret(value="x").asave("word", overwrite=True)
    with pytest.raises(SettingsError, match="does not store files"):
        await aopen_store("secret/word")
