from telexec_schemas.identifiers import WriteId
from telexec_service.core.write_ids import WRITE_IDS_REMEMBERED, WriteIds


def test_the_newest_writes_are_remembered_and_older_ones_forgotten() -> None:
    writes: WriteIds[str] = WriteIds()
    for number in range(WRITE_IDS_REMEMBERED + 1):
        writes.remember(WriteId(str(number)), "accepted")

    assert writes.known(WriteId("0")) is None
    assert writes.known(WriteId("1")) == "accepted"
    assert writes.known(WriteId(str(WRITE_IDS_REMEMBERED))) == "accepted"
