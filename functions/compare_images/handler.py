"""CompareImages: which images are most like those of a range of ions, one item of the last Map.

Stands between RenderImages and PublishResults if there are many images; PublishResults compares few
by itself. Every call gathers RenderImages, and reads what it prepared of all images; writes the
partners of its own (``runs/<run>/partners-<n>-<n>.npz``).
"""

from __future__ import annotations

from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import CompareItem, Done, ImageItem
from ionbox_cloud.planning.map_items import gather
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.image_parts import read_prepared, write_partners
from ionbox_science.annotation.colocalization import compare_prepared
from ionbox_science.progress import part_of_progress


@state_handler("CompareImages", CompareItem)
def lambda_handler(message: CompareItem, stores: Stores) -> Done:
    """Write the partners of images ``start`` to ``stop``."""
    work, execution_id = stores.work, message.execution_id
    with work.side_by_side() as reads:
        gathered = reads.start(gather, work, "RenderImages", execution_id, ImageItem)
        plan = reads.start(read_plan, work, execution_id)
    with part_of_progress(0, 0.3):
        prepared = read_prepared(work, plan.result(), message.n_images, gathered.result())
    with part_of_progress(0.3, 1):
        found = compare_prepared(prepared, message.n_images, message.start, message.stop)
    write_partners(work, message, found)
    return Done()
