/* All kernels, for one width. */
#include "model_passes.h"
#include "cholesky.h"
#include "region_layout.h"
#include "filters.h"
#include "blobs.h"

#define TABLE(NAME)                                                                                                    \
    {                                                                                                                  \
        .name = NAME, .mark_columns = mark_columns, .fill_strip = fill_strip, .threshold_strip = threshold_strip,      \
        .logistic_terms = logistic_terms, .elliptical_pass = elliptical_pass, .deformable_pass = deformable_pass,      \
        .surface_values = surface_values, .expand_columns = expand_columns, .contract_columns = contract_columns,      \
        .factorise = factorise, .solve = solve, .filter_tile = filter_tile, .subtract_row = subtract_row,              \
        .integrate = integrate, .possible_blocks = possible_blocks, .determinant_row = determinant_row,                \
        .log_at = log_at, .dot_single = dot_single                                                                     \
    }
