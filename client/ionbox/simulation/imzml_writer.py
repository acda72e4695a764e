"""Writes a processed imzML and its ibd, spectrum by spectrum.

Peaks go in as arrays, block by block; memory does not grow with the dataset. The header is a
template with short names for controlled-vocabulary terms, which stands at the end of the module.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from itertools import islice
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
from ionbox_science.theory.isotope_model import IsotopeModel

MzDtype = Literal["f4", "f8"]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class ImzmlWriter:
    """Streams a processed imzML and its ibd; the checksum is filled in at the end.

    `start`, then `write_spectra` until all pixels are written, then `finish`.

    Parameters
    ----------
    imzml, ibd : binary file
        Open for writing, empty; the imzML also for reading.
    mz_dtype : {"f4", "f8"}
        Type of m/z in the ibd; intensities are float32.
    profile : bool
        Whether the spectra are said to be profiles, not centroided.

    Notes
    -----
    pyimzml's writer is as fast, but draws a random UUID, writes its path into the file, cannot
    name the analyzer and fails on a spectrum without peaks.
    """

    def __init__(
        self, imzml: IO[bytes], ibd: IO[bytes], mz_dtype: MzDtype, *, profile: bool = False
    ) -> None:
        self._imzml = imzml
        self._ibd = ibd
        self._mz_dtype = np.dtype(f"<{mz_dtype}")
        self._kind_term, self._processing_term = _KIND_TERMS[profile]
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._offset = 0
        self._positions: Iterator[tuple[int, tuple[int, int]]] = iter(())
        self.n_peaks = 0

    def start(self, file_id: uuid.UUID, model: IsotopeModel, x: Integers, y: Integers) -> None:
        """Write the header, and the UUID that opens the ibd.

        Parameters
        ----------
        file_id : UUID
            Written into both files, which says that they belong together.
        model : IsotopeModel
            Analyzer and sign of the charge, which the header names.
        x, y : (n_pixels,) int64
            Coordinates from 1, in order of acquisition.
        """
        analyzer, detector = _ANALYZER_TERMS[model.analyzer]
        header = _HEADER.format(
            file_id=file_id.hex,
            sha1=_SHA1_PLACEHOLDER,
            kind=self._kind_term,
            processing=self._processing_term,
            mz_type=_FLOAT_TERMS[self._mz_dtype.itemsize],
            intensity_type=_FLOAT_TERMS[4],
            scan=_SCAN_TERMS[model.charge],
            width=x.max(),
            height=y.max(),
            analyzer=analyzer,
            detector=detector,
            n_spectra=len(x),
        )
        self._imzml.write(_expand_terms(header).encode())
        self._write_ibd(file_id.bytes)
        self._positions = enumerate(zip(x.tolist(), y.tolist(), strict=True))

    def write_spectra(self, n_pixels: int, pixel: Integers, mz: Floats, intensity: Floats) -> None:
        """Append the spectra of the next pixels.

        Parameters
        ----------
        n_pixels : int
            Number of spectra to write; one without peaks is written, too.
        pixel : (n_peaks,) int64
            Pixel of each peak, ascending; 0 is the first pixel that is not written yet.
        mz, intensity : (n_peaks,) float64
            m/z, ascending within a pixel, and intensity, counts.
        """
        bounds = np.searchsorted(pixel, np.arange(n_pixels + 1))
        total = np.bincount(pixel, intensity, n_pixels)
        mz_values, intensity_values = mz.astype(self._mz_dtype), intensity.astype("<f4")
        spectra = []
        for row, (index, (x, y)) in enumerate(islice(self._positions, n_pixels)):
            chosen = slice(bounds[row], bounds[row + 1])
            mz_bytes, intensity_bytes = (
                values[chosen].tobytes() for values in (mz_values, intensity_values)
            )
            spectra.append(
                _SPECTRUM.format(
                    number=index + 1,
                    index=index,
                    tic=int(total[row]),
                    x=x,
                    y=y,
                    length=chosen.stop - chosen.start,
                    mz_offset=self._offset,
                    mz_size=len(mz_bytes),
                    intensity_offset=self._offset + len(mz_bytes),
                    intensity_size=len(intensity_bytes),
                )
            )
            self._write_ibd(mz_bytes + intensity_bytes)
        self._imzml.write("".join(spectra).encode())
        self.n_peaks += len(mz)

    def finish(self) -> None:
        """Close the XML and put the ibd's checksum into the header."""
        self._imzml.write(_FOOTER.encode())
        self._imzml.seek(0)
        # as many zeros as the checksum has digits stand in its place, so nothing moves
        position = self._imzml.read(4096).index(_SHA1_PLACEHOLDER.encode())
        self._imzml.seek(position)
        self._imzml.write(self._sha1.hexdigest().encode())

    def _write_ibd(self, data: bytes) -> None:
        self._ibd.write(data)
        self._sha1.update(data)
        self._offset += len(data)


def _expand_terms(text: str) -> str:
    """Replace ``[MS:1000127 centroid spectrum]`` or ``[accession name=value]`` by a cvParam."""
    return re.sub(
        r"\[((\w+):\d+) ([^\]=]+)=?([^\]]*)\]",
        r'<cvParam cvRef="\2" accession="\1" name="\3" value="\4"/>',
        text,
    )


_SHA1_PLACEHOLDER = "0" * 40
_FLOAT_TERMS = {4: "[MS:1000521 32-bit float]", 8: "[MS:1000523 64-bit float]"}
_SCAN_TERMS = {1: "[MS:1000130 positive scan]", -1: "[MS:1000129 negative scan]"}
# what spectra are, and what was done to them
_KIND_TERMS = {
    False: ("[MS:1000127 centroid spectrum]", "[MS:1000035 peak picking]"),
    True: ("[MS:1000128 profile spectrum]", "[MS:1000544 Conversion to mzML]"),
}
_ANALYZER_TERMS = {
    "orbitrap": ("[MS:1000484 orbitrap]", "[MS:1000624 inductive detector]"),
    "fticr": (
        "[MS:1000079 fourier transform ion cyclotron resonance mass spectrometer]",
        "[MS:1000624 inductive detector]",
    ),
    "tof": ("[MS:1000084 time-of-flight]", "[MS:1000253 electron multiplier]"),
}
_HEADER = """\
<?xml version="1.0" encoding="UTF-8"?>
<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1">
  <cvList count="2">
    <cv id="MS" fullName="PSI-MS" URI="https://raw.githubusercontent.com/HUPO-PSI/psi-ms-CV/master/psi-ms.obo"/>
    <cv id="IMS" fullName="Imaging MS" URI="https://raw.githubusercontent.com/imzML/imzML/master/imagingMS.obo"/>
  </cvList>
  <fileDescription><fileContent>
    [MS:1000579 MS1 spectrum]
    {kind}
    [IMS:1000031 processed]
    [IMS:1000080 universally unique identifier={file_id}]
    [IMS:1000091 ibd SHA-1={sha1}]
  </fileContent></fileDescription>
  <referenceableParamGroupList count="4">
    <referenceableParamGroup id="mzArray">
      <cvParam cvRef="MS" accession="MS:1000514" name="m/z array"
        unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
      {mz_type}[MS:1000576 no compression][IMS:1000101 external data=true]
    </referenceableParamGroup>
    <referenceableParamGroup id="intensityArray">
      <cvParam cvRef="MS" accession="MS:1000515" name="intensity array"
        unitCvRef="MS" unitAccession="MS:1000131" unitName="number of detector counts"/>
      {intensity_type}[MS:1000576 no compression][IMS:1000101 external data=true]
    </referenceableParamGroup>
    <referenceableParamGroup id="scan">[MS:1000093 increasing m/z scan]</referenceableParamGroup>
    <referenceableParamGroup id="spectrum">
      [MS:1000579 MS1 spectrum][MS:1000511 ms level=1]{kind}{scan}
    </referenceableParamGroup>
  </referenceableParamGroupList>
  <softwareList count="1">
    <software id="ionbox" version="1">
      [MS:1000799 custom unreleased software tool=ionbox simulate]
    </software>
  </softwareList>
  <scanSettingsList count="1"><scanSettings id="grid">
    [IMS:1000401 top down][IMS:1000413 flyback]
    [IMS:1000480 horizontal line scan][IMS:1000491 linescan left right]
    [IMS:1000042 max count of pixels x={width}][IMS:1000043 max count of pixels y={height}]
    [IMS:1000046 pixel size (x)=50][IMS:1000047 pixel size y=50]
  </scanSettings></scanSettingsList>
  <instrumentConfigurationList count="1"><instrumentConfiguration id="instrument">
    <componentList count="3">
      <source order="1">[MS:1000075 matrix-assisted laser desorption ionization]</source>
      <analyzer order="2">{analyzer}</analyzer>
      <detector order="3">{detector}</detector>
    </componentList>
  </instrumentConfiguration></instrumentConfigurationList>
  <dataProcessingList count="1"><dataProcessing id="simulation">
    <processingMethod order="0" softwareRef="ionbox">{processing}</processingMethod>
  </dataProcessing></dataProcessingList>
  <run id="run" defaultInstrumentConfigurationRef="instrument">
    <spectrumList count="{n_spectra}" defaultDataProcessingRef="simulation">
"""
_SPECTRUM = _expand_terms("""\
      <spectrum id="spectrum={number}" index="{index}" defaultArrayLength="0">
        <referenceableParamGroupRef ref="spectrum"/>
        [MS:1000285 total ion current={tic}]
        <scanList count="1">
          [MS:1000795 no combination]
          <scan instrumentConfigurationRef="instrument">
            <referenceableParamGroupRef ref="scan"/>
            [IMS:1000050 position x={x}]
            [IMS:1000051 position y={y}]
          </scan>
        </scanList>
        <binaryDataArrayList count="2">
          <binaryDataArray encodedLength="0">
            <referenceableParamGroupRef ref="mzArray"/>
            [IMS:1000102 external offset={mz_offset}]
            [IMS:1000103 external array length={length}]
            [IMS:1000104 external encoded length={mz_size}]
            <binary/>
          </binaryDataArray>
          <binaryDataArray encodedLength="0">
            <referenceableParamGroupRef ref="intensityArray"/>
            [IMS:1000102 external offset={intensity_offset}]
            [IMS:1000103 external array length={length}]
            [IMS:1000104 external encoded length={intensity_size}]
            <binary/>
          </binaryDataArray>
        </binaryDataArrayList>
      </spectrum>
""")
_FOOTER = "    </spectrumList>\n  </run>\n</mzML>\n"
