"""Finding and choosing a phone, with the messages that a user sees."""

from __future__ import annotations

import pytest

from blazepose_tf.timing import adb as adb_client


def test_missing_adb_names_the_install_line(tmp_path):
    with pytest.raises(adb_client.AdbError, match="apt-get install adb"):
        adb_client.find_adb(str(tmp_path / "adb"))


def test_no_phone(adb):
    with pytest.raises(adb_client.AdbError, match=r"no phone found.*USB debugging"):
        adb_client.select_device(adb)


def test_the_only_phone_needs_no_serial(adb, make_device):
    device = make_device()
    assert adb_client.select_device(adb).serial == device.serial


def test_a_network_address_is_connected_to(adb, make_device):
    device = make_device(connect=False)
    chosen = adb_client.select_device(adb, device.serial)
    assert chosen.shell("getprop ro.product.model").strip() == "Loopback Phone"


def test_two_phones_need_a_serial(adb, make_device):
    first, second = make_device(), make_device()
    with pytest.raises(adb_client.AdbError, match="--device=adb:SERIAL") as error:
        adb_client.select_device(adb)
    assert first.serial in str(error.value) and second.serial in str(error.value)
    assert adb_client.select_device(adb, second.serial).serial == second.serial


def test_unknown_serial_lists_what_there_is(adb, make_device):
    device = make_device()
    with pytest.raises(adb_client.AdbError, match="no phone with the serial 'HT7A'") as error:
        adb_client.select_device(adb, "HT7A")
    assert device.serial in str(error.value)


def test_unauthorized(adb, make_device, loopback):
    device = make_device(faults=loopback.Faults(unauthorized=True))
    with pytest.raises(adb_client.AdbError, match=r"is unauthorized: .*confirm 'Allow USB debugging'"):
        adb_client.select_device(adb, device.serial)


def test_offline(adb, make_device, loopback):
    device = make_device(faults=loopback.Faults(silent=True))
    with pytest.raises(adb_client.AdbError, match="is offline: the phone does not answer"):
        adb_client.select_device(adb, device.serial)


def test_nobody_listens(adb):
    with pytest.raises(adb_client.AdbError, match=r"could not connect to 127.0.0.1:9"):
        adb_client.select_device(adb, "127.0.0.1:9")


def test_output_code_and_order_of_streams(adb, make_device):
    chosen = adb_client.select_device(adb, make_device().serial)
    assert chosen.shell("echo one; echo two >&2; echo three") == "one\ntwo\nthree\n"
    assert chosen.shell("echo x; exit 7", check=False) == "x\n"
    with pytest.raises(adb_client.CommandError, match="exit code 7 of `echo x; exit 7`: x"):
        chosen.shell("echo x; exit 7")


def test_no_answer_in_time(adb, make_device):
    chosen = adb_client.select_device(adb, make_device().serial)
    with pytest.raises(adb_client.ConnectionLostError, match=r"no answer within 0\.5 s"):
        chosen.shell("sleep 5", timeout=0.5)
