"""The index: two FAISS indexes and what is kept of every catalogue photo, in one readable folder.

    index/
      index.json                      what it was made from and with; replaced in one step, and with it the whole index
      vectors-<generation>.faiss      embeddings, exact while few, codes of them later; key = image_id * 8 + zoom
      descriptors-<generation>.faiss  RootSIFT, exact while few, IVF-PQ later; key = image_id * 1024 + keypoint
      features/<settings>-<n>.pack    keypoints, outline and thumbnail of many photos, to verify and rebuild
      features/<settings>/<sha256>.npz    the same of one photo, until it is packed
      embeddings/<fingerprint>-<n>.pack   embeddings of many photos by one model
      embeddings/<fingerprint>/<sha256>.npy    the same of one photo, until it is packed

A large index may have a second pair of FAISS files, of a later generation, for what came since it was made (`parts`).

Keys travel with the vectors inside FAISS. What is kept of a photo is named by its content, so a photo is never worked
on twice and a run that was killed goes on where it stopped.
"""

from recognizer.search.index.kept import (
    EMBEDDINGS,
    FEATURES,
    copy_embeddings,
    copy_features,
    count_features,
    embeddings_path,
    features_path,
    held,
    holds,
    read_embeddings,
    read_features,
    short,
    write_embeddings,
    write_features,
)
from recognizer.search.index.making import (
    FLAT_UP_TO,
    MOST_LISTS,
    PROBED,
    REGROWN,
    add_image,
    lists_of,
    new_descriptors,
    new_vectors,
    put,
    remove_images,
    training_rows,
    write,
)
from recognizer.search.index.manifest import FORMAT, Manifest, read_manifest
from recognizer.search.index.opened import LIFTED, NEIGHBOURS, Index, read_fresh, tallied

THUMBNAIL = 256
"""Long side of the pictures kept for comparison after alignment, a little over what `alignment` compares at."""

__all__ = [
    "EMBEDDINGS",
    "FEATURES",
    "FLAT_UP_TO",
    "FORMAT",
    "LIFTED",
    "MOST_LISTS",
    "NEIGHBOURS",
    "PROBED",
    "REGROWN",
    "THUMBNAIL",
    "Index",
    "Manifest",
    "add_image",
    "copy_embeddings",
    "copy_features",
    "count_features",
    "embeddings_path",
    "features_path",
    "held",
    "holds",
    "lists_of",
    "new_descriptors",
    "new_vectors",
    "put",
    "read_embeddings",
    "read_features",
    "read_fresh",
    "read_manifest",
    "remove_images",
    "short",
    "tallied",
    "training_rows",
    "write",
    "write_embeddings",
    "write_features",
]
