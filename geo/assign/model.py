"""The parameters of the placement posterior, in one frozen record."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0


@dataclass(frozen=True, slots=True)
class Model:
    """Parameters of the posterior; a site may change them, and reports state them.

    Parameters
    ----------
    outlier_share : float
        Prior probability that a position has nothing to do with the streets around it.
    tail_share, tail_factor : float
        So many positions err `tail_factor` times as much as they say.
    heading_focus : float
        Concentration of headings about the street's direction; about 1/(4 a²) for a sd of a radians.
    heading_noise, name_noise, track_noise : float
        Share of headings, name hints and tracks that say nothing.
    name_share : float
        Share of the candidates that bear a given name, against which a hint is weighed.
    reach_sd, reach_m : float
        Blocks are candidates within reach_sd · sqrt(s² + w²) + reach_m metres.
    outside_m : float
        Farther from every block than this, a position is outside the covered streets.
    sure, none_limit, side_sure : float
        A placement is ambiguous below `sure` or above `none_limit`; the side is named from `side_sure`.
    """

    outlier_share: float = 0.03
    tail_share: float = 0.1
    tail_factor: float = 3.0
    heading_focus: float = 6.0
    heading_noise: float = 0.231
    name_noise: float = 0.05
    name_share: float = 0.05
    track_noise: float = 0.1
    reach_sd: float = 4.0
    reach_m: float = 10.0
    outside_m: float = 100.0
    sure: float = 0.9
    none_limit: float = 0.2
    side_sure: float = 0.9

    def vector(self, kerb_m: float) -> NDArray[np.float64]:
        """Return the parameters in the order of the kernel."""
        return np.array(
            [
                self.outlier_share,
                self.tail_share,
                self.tail_factor,
                self.heading_focus,
                self.heading_noise,
                i0(self.heading_focus),
                self.name_noise,
                self.name_share,
                self.track_noise,
                self.reach_sd,
                self.reach_m,
                self.outside_m,
                kerb_m,
            ]
        )
