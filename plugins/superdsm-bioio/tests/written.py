"""Small files in the formats of vendors: CZI by the library of Zeiss, LIF by hand."""

import struct
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr


def write_czi(path: Path, planes: Any, channels: list[str], pixel_size: tuple[float, float]) -> None:
    """Write planes (channels, z, rows, columns) of 16 bits; height and width of a pixel in micrometres."""
    from pylibCZIrw import czi

    with czi.create_czi(str(path)) as document:
        for channel, stack in enumerate(planes):
            for z, plane in enumerate(stack):
                document.write(data=plane[..., None], plane={"C": channel, "Z": z, "T": 0}, scene=0)
        names = dict(enumerate(channels))
        document.write_metadata(
            "written", channel_names=names, scale_x=pixel_size[1] * 1e-6, scale_y=pixel_size[0] * 1e-6, scale_z=1e-6
        )


def write_lif(path: Path, series: dict[str, Any], channels: list[str], pixel_size: tuple[float, float]) -> None:
    """Write series of planes (channels, z, rows, columns) of 16 bits, of version 2 of the format."""
    children, blocks = [], []
    for number, (name, planes) in enumerate(series.items()):
        children.append(_series(number, name, planes.shape, planes.nbytes, channels, pixel_size))
        blocks.append((f"MemBlock_{number}", planes.transpose(1, 0, 2, 3).astype("<u2").tobytes()))
    header = (
        '<LMSDataContainerHeader Version="2"><Element Name="written" Visibility="1"><Data/>'
        f'<Memory Size="0" MemoryBlockID="MemBlock_x"/><Children>{"".join(children)}</Children></Element>'
        "</LMSDataContainerHeader>"
    )
    text = header.encode("utf-16-le")
    parts = [struct.pack("<iiBi", 0x70, 5 + len(text), 0x2A, len(header)), text]
    for name, data in blocks:
        name_bytes = name.encode("utf-16-le")
        parts.append(struct.pack("<iiBqBi", 0x70, 14 + len(name_bytes), 0x2A, len(data), 0x2A, len(name)))
        parts += [name_bytes, data]
    path.write_bytes(b"".join(parts))


def _series(
    number: int, name: str, shape: tuple[int, ...], size: int, channels: list[str], pixel_size: tuple[float, float]
) -> str:
    n_channels, n_z, rows, columns = shape
    plane = rows * columns * 2
    described = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" NameOfMeasuredQuantity="" Min="0" '
        f'Max="65535" Unit="" LUTName={quoteattr(channel)} IsLUTInverted="0" BytesInc="{index * plane}" BitInc="0"/>'
        for index, channel in enumerate(channels)
    )
    lengths = (
        (1, columns, pixel_size[1], 2),
        (2, rows, pixel_size[0], 2 * columns),
        (3, n_z, 1.0, plane * n_channels),
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{axis}" NumberOfElements="{count}" Origin="0" '
        f'Length="{(count - 1) * step * 1e-6!r}" Unit="m" BitInc="0" BytesInc="{stride}"/>'
        for axis, count, step, stride in lengths
        if count > 1
    )
    return (
        f'<Element Name={quoteattr(name)} Visibility="1"><Data><Image TextDescription=""><ImageDescription>'
        f"<Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{size}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )


def write_nd2(path: Path, planes: Any, channels: list[str], pixel_size: float) -> None:
    """Write planes (channels, z, rows, columns) of 16 bits, of version 3 of the format; `pixel_size` in micrometres.

    A file is a row of chunks (magic number, lengths of name and data, name, data), with a map of them at the end.
    """
    n_channels, n_z, rows, columns = planes.shape
    attributes = {
        "uiWidth": columns,
        "uiWidthBytes": columns * n_channels * 2,
        "uiHeight": rows,
        "uiComp": n_channels,
        "uiBpcInMemory": 16,
        "uiBpcSignificant": 16,
        "uiSequenceCount": n_z,
        "eCompression": 2,
    }
    described = {
        f"a{index}": {"sDescription": name, "uiCompCount": 1, "pFluorescentProbe": {"m_sName": name}}
        for index, name in enumerate(channels)
    }
    metadata = {
        "dCalibration": pixel_size,
        "bCalibrated": True,
        "sPicturePlanes": {"uiCount": n_channels, "uiCompCount": n_channels, "sPlaneNew": described},
    }
    experiment = {"eType": 4, "uiLoopSize": n_z, "uLoopPars": {"uiCount": n_z, "dZStep": 1.0, "dZLow": 0.0}}
    chunks = [("ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32)]
    for z in range(n_z):
        pixels = planes[:, z].transpose(1, 2, 0).astype("<u2").tobytes()
        chunks.append((f"ImageDataSeq|{z}!", struct.pack("<d", float(z)) + pixels, 4072))
    chunks += [
        ("ImageAttributesLV!", _variant({"SLxImageAttributes": attributes}), 32),
        ("ImageMetadataSeqLV|0!", _variant({"SLxPictureMetadata": metadata}), 32),
        ("ImageMetadataLV!", _variant({"SLxExperiment": experiment}), 32),
        ("CustomData|AcqTimesCache!", struct.pack(f"<{n_z}d", *range(n_z)), 32),
    ]
    content, places = b"", b""
    for name, data, room in chunks:
        if not name.startswith("ND2"):
            places += name.encode() + struct.pack("<QQ", len(content), len(data))
        content += _chunk(name, data, room)
    end = "ND2 CHUNK MAP SIGNATURE 0000001!"
    places += end.encode() + struct.pack("<Q", len(content))
    path.write_bytes(content + _chunk("ND2 FILEMAP SIGNATURE NAME 0001!", places, 32))


def _chunk(name: str, data: bytes, room: int) -> bytes:
    return struct.pack("<IIQ", 0x0ABECEDA, room, len(data)) + name.encode().ljust(room, b"\0") + data


def _variant(value: dict[str, Any]) -> bytes:
    return f'<variant version="1.0">{"".join(_element(*item) for item in value.items())}</variant>'.encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f'<{name} runtype="CLxListVariant">{"".join(_element(*item) for item in value.items())}</{name}>'
    kinds = {bool: "bool", int: "lx_uint32", float: "double", str: "CLxStringW"}
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'<{name} runtype="{kinds[type(value)]}" value={quoteattr(text)}/>'
